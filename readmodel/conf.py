"""Typed settings of the read model with their defaults. They are read at each access, so tests may override them."""

from collections.abc import Sequence

from django.conf import settings

GROUP = "readmodel"
"""The name, in EVENTS_SUBSCRIBERS, of the consumer group that feeds the read model."""


class Conf:
    @property
    def url(self) -> str:
        """The address of Elasticsearch."""
        return _setting("ELASTICSEARCH_URL", "http://localhost:9200")

    @property
    def projections(self) -> Sequence[str]:
        """Dotted paths of the projections. The first one is fed from the stream, the others from the log."""
        return _setting("READMODEL_PROJECTIONS", ())

    @property
    def alias(self) -> str | None:
        """The alias of the first projection, and the last part of the other aliases; None: the projection's name."""
        return _setting("READMODEL_ALIAS", None)

    @property
    def consistency_seconds(self) -> float:
        """The longest time that a search waits for the writes that a consistency token names."""
        return _setting("READMODEL_CONSISTENCY_SECONDS", 2.0)

    @property
    def audit_per_second(self) -> int:
        """The number of documents that a consumer compares with the log each second; 0 turns the audit off."""
        return _setting("READMODEL_AUDIT_PER_SECOND", 200)


def _setting[T](name: str, default: T) -> T:
    value: T = getattr(settings, name, default)
    return value


conf = Conf()
