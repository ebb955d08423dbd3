"""The read model."""

from config.environment.sections import Section
from config.settings.variables import environment

env = Section(environment, "The read model")
ELASTICSEARCH_URL = env.url(
    "ELASTICSEARCH_URL",
    str,
    otherwise="http://localhost:9200",
    default_is="`http://localhost:9200`",
    meaning="Elasticsearch 9, see [its URL](urls.md#the-url-of-elasticsearch)",
    example="https://tickets:password@search.example.org:9200?ca_certs=/etc/tickets/ca.pem",
)
READMODEL_PROJECTIONS = ["readmodel.tickets.documents.TicketDocuments", "readmodel.tickets.timeline.Timeline"]
READMODEL_ALIAS = env.text("READMODEL_ALIAS", default="tickets", meaning="the alias of the index")
READMODEL_SHARDS = env.number(
    "READMODEL_SHARDS",
    default=1,
    most=1_024,
    meaning="into how many shards an index is divided; it holds for indices that are created from then on, as by "
    "`rebuild_readmodel`",
)
READMODEL_REPLICAS = env.number(
    "READMODEL_REPLICAS",
    default=1,
    least=0,
    most=20,
    meaning="how many copies of each index there are besides the first one, on as many further nodes; with fewer nodes "
    "there are fewer, and consumers change it when they start",
)
READMODEL_CONSISTENCY_SECONDS = env.seconds(
    "READMODEL_CONSISTENCY_SECONDS",
    default=2.0,
    most=60,
    meaning="how long a search waits for the versions that its consistency token names",
)
READMODEL_MAX_WAITING = env.number(
    "READMODEL_MAX_WAITING",
    default=100,
    most=10_000,
    meaning="how many requests of a process wait for Elasticsearch at once; one more is answered 503",
)
READMODEL_CURSORS_PER_USER = env.number(
    "READMODEL_CURSORS_PER_USER",
    default=10,
    most=10_000,
    meaning="how many searches one user may follow by cursors at once; one more is answered 429",
)
READMODEL_AUDIT_PER_SECOND = env.number(
    "READMODEL_AUDIT_PER_SECOND",
    default=200,
    least=0,
    most=100_000,
    meaning="how many documents the consumer audits each second; up to five times as many while no events arrive; "
    "0: none",
)
