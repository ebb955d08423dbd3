"""Counters, gauges and histograms. They keep nothing: until somebody observes one, to tell it something does nothing.

A project observes those that it wants to see:

    for instrument in instruments():
        instrument.observe(...)
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

type Labels = tuple[str, ...]
"""The values of an instrument's labels, in their order."""
type Observer = Callable[[float, Labels], None]
"""Takes a value. It is called on the way of every request and event, so it must be fast, and must not raise."""

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
AGES = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
SIZES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)


class Instrument:
    """A name, the names of its labels, and a sentence about it. A name can be taken once."""

    all: ClassVar[dict[str, "Instrument"]] = {}

    def __init__(self, name: str, documentation: str, labels: Sequence[str] = ()) -> None:
        if name in self.all:
            raise ValueError(f"there are two instruments {name}")
        self.name = name
        self.documentation = documentation
        self.labels = tuple(labels)
        self.all[name] = self
        self._observer: Observer | None = None

    def observe(self, observer: Observer | None) -> None:
        """Pass on what this is told from now on, or nothing any more."""
        self._observer = observer

    def _tell(self, value: float, labels: Labels) -> None:
        if self._observer is not None:
            self._observer(value, labels)


class Counter(Instrument):
    """A number that only grows. If its one label has few values, they are its `words`, which begin with 0."""

    def __init__(self, name: str, documentation: str, labels: Sequence[str] = (), *, words: Sequence[str] = ()) -> None:
        super().__init__(name, documentation, labels)
        self.words = tuple(words)

    def add(self, number: float, *labels: str) -> None:
        self._tell(number, labels)


class Gauge(Instrument):
    """A number that rises and falls. The observer gets the change; several processes have the sum."""

    def change(self, by: float, *labels: str) -> None:
        self._tell(by, labels)

    @contextmanager
    def raised(self, *labels: str) -> Iterator[None]:
        """Count one more during the block."""
        self._tell(1, labels)
        try:
            yield
        finally:
            self._tell(-1, labels)


class Switch(Instrument):
    """Something that is on or off. The observer gets 1 or 0; among several processes it is on if one has it on."""

    def turn(self, is_on: bool, *labels: str) -> None:  # noqa: FBT001 (a switch has nothing else)
        self._tell(is_on, labels)


class Histogram(Instrument):
    """A distribution of values: how many were at most so large, for each of some bounds."""

    def __init__(
        self, name: str, documentation: str, labels: Sequence[str] = (), *, bounds: Sequence[float] = SECONDS
    ) -> None:
        super().__init__(name, documentation, labels)
        self.bounds = tuple(bounds)

    def note(self, value: float, *labels: str) -> None:
        self._tell(value, labels)

    @contextmanager
    def timed(self, *labels: str) -> Iterator[None]:
        """Note how many seconds the block takes, also if it fails."""
        started_at = time.monotonic()
        try:
            yield
        finally:
            self._tell(time.monotonic() - started_at, labels)


def instruments() -> list[Instrument]:
    """Return those of all modules that are loaded, by name."""
    return [Instrument.all[name] for name in sorted(Instrument.all)]
