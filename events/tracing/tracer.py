"""What a tracer does, and what is known of a span while it lasts."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Protocol

type Attribute = str | int | float | bool


class Kind(StrEnum):
    """On which side of a border between processes a span is."""

    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"
    PRODUCER = "producer"
    CONSUMER = "consumer"


class Traced(Protocol):
    """An event with the context in which it was recorded."""

    @property
    def traceparent(self) -> str: ...


class Span:
    """A span that nobody records. Attributes are ids, counts and names of things, nothing that is personal."""

    traceparent: str = ""
    """Its context, for those whom the block calls."""

    def set(self, **attributes: Attribute) -> None:
        """Add attributes."""

    def rename(self, name: str) -> None:
        """Give it a better name than at its start."""

    def fail(self, reason: str) -> None:
        """Mark it as failed; a class or a code as the reason. An exception that leaves the block does so, too."""


class Tracer(ABC):
    """Begins spans. It must not raise, and not wait for whoever collects them."""

    @abstractmethod
    def span(
        self, name: str, kind: Kind, parents: Sequence[str], attributes: Mapping[str, Attribute]
    ) -> AbstractContextManager[Span]:
        """Return a block with the span.

        Parents are W3C traceparents, also empty ones and such that are none. If they belong to one trace, the span is
        below the first one; if to several, it is linked with each; without one it is below the current span.
        """

    @abstractmethod
    def current_traceparent(self) -> str:
        """Return the context of the current span, "" outside of any."""
