"""The log of events, the stream and the consumers; events/conf.py has the defaults of other projects."""

from config.environment.sections import Section
from config.settings.variables import BASE_DIR, DATA_DIR, environment

env = Section(environment, "Events")
EVENTS_STREAM_URL = env.url(
    "EVENT_STREAM_URL",
    str,
    otherwise="redis://localhost:6379/tickets",
    default_is="`redis://localhost:6379/tickets`",
    meaning="[the stream's DSN](urls.md#the-streams-dsn)",
    example="rediss://tickets:password@redis.example.org:6379/tickets",
)
EVENTS_SETTING_NAMES = {
    "EVENTS_STREAM_URL": "EVENT_STREAM_URL",
    "EVENTS_METRICS_PORT": "METRICS_PORT",
    "DATABASES": "DATABASE_URL",
}
EVENTS_STREAM_KEYS = env.secrets(
    "EVENTS_STREAM_KEYS",
    default_is="`SECRET_KEY` and `SECRET_KEY_FALLBACKS`",
    meaning="secrets of 32 characters or more that sign the stream's entries: the first one signs, all verify",
)
EVENTS_STREAM_MAX_LENGTH = env.number(
    "EVENTS_STREAM_MAX_LENGTH",
    default=100_000,
    meaning="the stream is trimmed to about this many entries; consumers read older events from the log",
)
EVENTS_FORGOTTEN_FILE = env.text(
    "EVENTS_FORGOTTEN_FILE",
    default=str(DATA_DIR / "forgotten"),
    default_is="`forgotten` in `DATA_DIR`",
    meaning="the file with the hashes of forgotten persons: the relay, the consumers and `forget_person` need the same "
    "one, and a backup of its own",
    example="/var/lib/tickets/forgotten",
)
EVENTS_FORGOTTEN_KEYS = env.secrets(
    "EVENTS_FORGOTTEN_KEYS",
    default_is="`SECRET_KEY` and `SECRET_KEY_FALLBACKS`",
    meaning="secrets by which forgotten persons are hashed: the first one hashes, all are known",
)
EVENTS_BACKUP_DAYS = env.number(
    "EVENTS_BACKUP_DAYS",
    default=0,
    least=0,
    most=36_500,
    meaning="how many days backups are kept, which `forget_person` says; 0: it is not known",
)
EVENTS_SOURCE = env.text("EVENTS_SOURCE", default="/tickets", meaning="the events' CloudEvents `source`")
EVENTS_PARTITIONS = env.number(
    "EVENTS_PARTITIONS",
    default=1,
    most=1_000,
    meaning="how many partitions a new log begins with, at the first `migrate`; `repartition_events` gives it more",
)
EVENTS_SCHEMA_LOCK = BASE_DIR / "event-schemas.json"
EVENTS_FLUSH_ON_COMMIT = env.switch(
    "EVENTS_FLUSH_ON_COMMIT",
    default=True,
    meaning="whether a request flushes its own events, or only wakes the relay",
)
EVENTS_FLUSH_TIMEOUT_SECONDS = env.seconds(
    "EVENTS_FLUSH_TIMEOUT_SECONDS",
    default=0.25,
    most=60,
    meaning="how long a request waits for Redis after its commit before it leaves its events to the relay",
)
EVENTS_RELAY_INTERVAL_SECONDS = env.seconds(
    "EVENTS_RELAY_INTERVAL_SECONDS", default=0.5, most=600, meaning="how often a relay looks without a wake"
)
EVENTS_HANDLER_SECONDS = env.seconds(
    "EVENTS_HANDLER_SECONDS", default=300.0, meaning="how long a consumer's handler may work without progress"
)
EVENTS_LIVENESS_FILE = env.text(
    "EVENTS_LIVENESS_FILE",
    meaning="a file that the relay, a consumer and a worker of jobs touch each second while they go on, for the health "
    "check of a container",
    example="/run/tickets/alive",
)
EVENTS_BATCH_SIZE = env.number(
    "EVENTS_BATCH_SIZE", default=500, most=10_000, meaning="the most events that a consumer handles at once"
)
EVENTS_BLOCK_SECONDS = env.seconds(
    "EVENTS_BLOCK_SECONDS",
    default=1.0,
    most=60,
    meaning="how long an idle consumer waits for the stream before it looks at the log",
)
EVENTS_MAX_EVENT_BYTES = env.number(
    "EVENTS_MAX_EVENT_BYTES", default=1_000_000, meaning="how large the data of an event may be"
)
EVENTS_FEED_CLIENTS = env.number(
    "EVENTS_FEED_CLIENTS",
    default=500,
    most=100_000,
    meaning="how many event streams and waiting readers of the feed a web process serves at once",
)
EVENTS_FEED_CLIENTS_PER_READER = env.number(
    "EVENTS_FEED_CLIENTS_PER_READER", default=100, most=100_000, meaning="how many of these one user may have"
)
EVENTS_FEED_HEARTBEAT_SECONDS = env.seconds(
    "EVENTS_FEED_HEARTBEAT_SECONDS",
    default=15.0,
    most=600,
    meaning="how often an event stream sends a sign of life; at every second one the permission is checked again",
)
EVENTS_FEED_PATIENCE_SECONDS = env.seconds(
    "EVENTS_FEED_PATIENCE_SECONDS",
    default=30.0,
    most=600,
    meaning="how long a client may read nothing of what it is sent before it is disconnected",
)
EVENTS_SUBSCRIBERS = {
    "readmodel": "readmodel.subscriber.ReadModel",
    "access": "tickets.access.AccessSystem",
}
EVENTS_AGGREGATES = {"ticket": "tickets.aggregate.TicketAggregate"}
