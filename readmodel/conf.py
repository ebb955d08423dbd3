"""The settings of the read model with their types and defaults."""

from collections.abc import Sequence

from events.conf import Setting

GROUP = "readmodel"
"""The name, in EVENTS_SUBSCRIBERS, of the consumer group that feeds the read model."""


class Conf:
    """`conf.alias` is the setting READMODEL_ALIAS."""

    prefix = "READMODEL"

    url = Setting("http://localhost:9200", name="ELASTICSEARCH_URL")
    """Address of Elasticsearch."""
    projections = Setting[Sequence[str]](())
    """Dotted paths of the projections; the first one is fed from the stream, the others from the log."""
    alias = Setting[str | None](None)
    """Alias of the first projection's searched index, and end of the other aliases; None: the projection's name."""
    shards = Setting(1)
    """Into how many shards a new index is divided."""
    replicas = Setting(1)
    """How many copies of each shard there are besides the primary, if there are as many further nodes."""
    consistency_seconds = Setting(2.0)
    """How long a search waits for the writes that a consistency token names."""
    audit_per_second = Setting(200)
    """How many documents a consumer audits each second; 0: none."""

    cursors_per_user = Setting(10)
    """How many searches one user may follow by cursors at once; one more is answered 429."""
    max_waiting = Setting(100)
    """How many requests of a process wait for Elasticsearch at once; one more is answered 503."""


conf = Conf()
