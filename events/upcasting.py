"""Lift the JSON of an older schema version to the current one, a version at a time."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from events.exceptions import Unprocessable

type Data = dict[str, Any]
type Upcaster = Callable[[Data], Data]

_upcasters: dict[tuple[str, int], Upcaster] = {}


def upcaster(name: str, *, from_version: int) -> Callable[[Upcaster], Upcaster]:
    """Register a pure function that makes the next version's JSON object of this version's.

    It may change the object that it is given. Raise ValueError if the version has an upcaster already.
    """

    def register(upcast: Upcaster) -> Upcaster:
        if taken := _upcasters.get((name, from_version)):
            raise ValueError(
                f"{name!r} has an upcaster from version {from_version} already: "
                f"{taken.__module__}.{taken.__qualname__}; one version has one successor"
            )
        _upcasters[name, from_version] = upcast
        return upcast

    return register


def upcast(name: str, version: int, data: str | bytes, *, to: int) -> Data:
    """Return the data as the version `to` has them; raise Unprocessable where no chain leads there."""
    try:
        lifted: Data = msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise Unprocessable(f"{name}: {error}") from error
    for step in range(version, to):
        upcast = _upcasters.get((name, step))
        if upcast is None:
            raise Unprocessable(f"{name} has version {version}, and there is no upcaster from version {step}")
        lifted = upcast(lifted)
    return lifted


def missing_steps(name: str, version: int) -> list[int]:
    """Return the versions before this one from which no upcaster leads on."""
    return [step for step in range(1, version) if (name, step) not in _upcasters]


def registered_steps() -> Iterator[tuple[str, int, Upcaster]]:
    """Return all upcasters, each with the name and the version that it starts from."""
    for (name, version), upcast in sorted(_upcasters.items(), key=lambda item: item[0]):
        yield name, version, upcast
