"""The faults: each harms one part of the installation, and ends by itself or at the end of its time.

A fault is a generator: what is before `yield` begins it, what follows ends it. `who` is the part that it harms; a
schedule harms each part at most once, since two faults of one server would undo each other.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from tests.faults.driver.installation import Installation


class Strike(NamedTuple):
    """One use of a fault: against this target, so many seconds after the load began, for so long."""

    fault: str
    target: str
    moment: float
    seconds: float

    def __str__(self) -> str:
        target = f" ({self.target})" if self.target else ""
        return f"{self.moment:.2f} s {self.fault}{target} for {self.seconds:.2f} s"


class Fault(NamedTuple):
    """How a part is harmed; `weight` says how often it is drawn, `seconds` how long it lasts at least and at most."""

    name: str
    who: str
    run: Callable[["Harm"], Iterator[None]]
    targets: tuple[str, ...]
    weight: float
    seconds: tuple[float, float]
    why_not: str
    """Why it can't be tried on this machine, "" if it can."""


class Harm:
    """What a fault works with."""

    def __init__(self, installation: "Installation", strike: Strike, seed: str) -> None:
        self.installation = installation
        self.servers = installation.servers
        self.strike = strike
        self.random = random.Random(f"{seed} {strike.fault} {strike.target}")
        self.has_struck = True
        """False for a step to which its process never came."""

    @property
    def programs(self) -> list[Any]:
        """The programs of the strike's role, or the one that it names."""
        named = [program for program in self.installation.programs if program.name == self.strike.target]
        return named or self.installation.of_role(FAULTS[self.strike.fault].who)


FAULTS: dict[str, Fault] = {}


def fault(
    name: str,
    who: str,
    *,
    targets: tuple[str, ...] = ("",),
    weight: float = 1.0,
    seconds: tuple[float, float] = (0.1, 0.8),
    why_not: str = "",
) -> Callable[[Callable[[Harm], Iterator[None]]], Callable[[Harm], Iterator[None]]]:
    """Register a generator as a fault."""

    def register(run: Callable[[Harm], Iterator[None]]) -> Callable[[Harm], Iterator[None]]:
        FAULTS[name] = Fault(name, who, run, targets, weight, seconds, why_not)
        return run

    return register


def harmed(harm: Harm) -> AbstractContextManager[None]:
    """Let the fault last for a block."""
    return contextmanager(FAULTS[harm.strike.fault].run)(harm)
