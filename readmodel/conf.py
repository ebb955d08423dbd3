"""The settings of the read model, typed, with their defaults; read when asked for, so that tests may override them."""

from collections.abc import Sequence

from django.conf import settings

GROUP = "readmodel"
"""The consumer group that feeds the read model: its name in EVENTS_SUBSCRIBERS."""


class Conf:
    @property
    def url(self) -> str:
        """The address of Elasticsearch."""
        return _setting("ELASTICSEARCH_URL", "http://localhost:9200")

    @property
    def projections(self) -> Sequence[str]:
        """Dotted paths of the projections; the first one is fed by the stream, the others follow from the log."""
        return _setting("READMODEL_PROJECTIONS", ())

    @property
    def alias(self) -> str | None:
        """The alias of the first projection's searched index, and the end of the other aliases; None: its name."""
        return _setting("READMODEL_ALIAS", None)

    @property
    def consistency_seconds(self) -> float:
        """How long a search waits for the writes that a consistency token names."""
        return _setting("READMODEL_CONSISTENCY_SECONDS", 2.0)

    @property
    def audit_per_second(self) -> int:
        """How many documents a consumer compares with the log each second; 0 turns the audit off."""
        return _setting("READMODEL_AUDIT_PER_SECOND", 200)


def _setting[T](name: str, default: T) -> T:
    value: T = getattr(settings, name, default)
    return value


conf = Conf()
