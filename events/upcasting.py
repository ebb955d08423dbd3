"""Convert the JSON of an older schema version to the current one, one version at a time."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from events.exceptions import Unprocessable

type Data = dict[str, Any]
type Upcaster = Callable[[Data], Data]

_upcasters: dict[tuple[str, int], Upcaster] = {}


def upcaster(name: str, *, from_version: int) -> Callable[[Upcaster], Upcaster]:
    """Register a function that converts this version's JSON object to the next version's.

    The function has no side effects, but may change the object that it is given. Raise ValueError if the version has
    an upcaster already.
    """

    def register(function: Upcaster) -> Upcaster:
        if taken := _upcasters.get((name, from_version)):
            raise ValueError(
                f"{name!r} has an upcaster from version {from_version} already: "
                f"{taken.__module__}.{taken.__qualname__}; a version can only have one"
            )
        _upcasters[name, from_version] = function
        return function

    return register


def upcast(name: str, version: int, data: str | bytes, *, to: int) -> Data:
    """Return the data in version `to`; raise Unprocessable if an upcaster is missing."""
    try:
        upcasted: Data = msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise Unprocessable(f"{name}: {error}") from error
    for step in range(version, to):
        function = _upcasters.get((name, step))
        if function is None:
            raise Unprocessable(f"{name} has version {version}, and there is no upcaster from version {step}")
        upcasted = function(upcasted)
    return upcasted


def missing_steps(name: str, version: int) -> list[int]:
    """Return the versions below this one that have no upcaster."""
    return [step for step in range(1, version) if (name, step) not in _upcasters]


def registered_steps() -> Iterator[tuple[str, int, Upcaster]]:
    """Yield all upcasters, each with its event's name and the version that it starts from."""
    for (name, version), function in sorted(_upcasters.items(), key=lambda item: item[0]):
        yield name, version, function
