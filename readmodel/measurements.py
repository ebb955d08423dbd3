"""What is measured of the read model."""

from events.measuring.instruments import AGES, Counter, Histogram, Switch

PROJECT_SECONDS = Histogram(
    "readmodel_project_seconds", "How long it takes to turn a batch of events into documents.", ["projection"]
)
WRITE_SECONDS = Histogram("readmodel_write_seconds", "How long Elasticsearch takes for a batch.", ["projection"])
WRITTEN = Counter(
    "readmodel_documents_written_total", "Documents that were written, in each kept index.", ["projection"]
)
SEARCHABLE_SECONDS = Histogram(
    "readmodel_searchable_seconds",
    "How long after its event was recorded a document is found by searches, the oldest of each batch: until the "
    "refresh that shows it, or a second after it was written where refreshes are left to Elasticsearch.",
    ["projection"],
    bounds=AGES,
)
AUDITED = Counter(
    "readmodel_audited_documents_total", "Documents that the audit has compared with the log.", ["projection"]
)
REQUEST_SECONDS = Histogram(
    "readmodel_request_seconds", "How long requests of the web server to Elasticsearch take, also those that fail."
)
REQUESTS = Counter(
    "readmodel_requests_total",
    "Requests of the web server to Elasticsearch: `answered`, `failed`, or not sent because the `breaker` is open or "
    "too many are `waiting`.",
    ["result"],
    words=["answered", "failed", "breaker", "waiting"],
)
BREAKER_OPEN = Switch(
    "readmodel_breaker_open",
    "Whether requests of a process do not ask Elasticsearch because it has not answered lately.",
)
CONSISTENT_SECONDS = Histogram(
    "readmodel_consistent_read_seconds", "How long reads with a consistency token wait until searches see their write."
)
CONSISTENT_READS = Counter(
    "readmodel_consistent_reads_total",
    "Reads with a consistency token: their write is `seen`, or it is too `late` for it, or its event is `parked`.",
    ["result"],
    words=["seen", "late", "parked"],
)
