"""What is measured on the way of an event, stage by stage.

Labels have few values: types of events, groups, and words that stand here. No id and no text of anybody is one.
"""

from events.measuring.instruments import AGES, SIZES, Counter, Gauge, Histogram, Switch

# Record and store: in the transaction of the change, which may still be rolled back.
RECORDED = Counter("events_recorded_total", "Events that were given to record(), also if rolled back later.", ["type"])
STORED = Counter("events_stored_total", "Events that were inserted into the log, also if rolled back later.")
STORE_SECONDS = Histogram("events_store_seconds", "How long a statement takes that inserts events into the log.")

# Flush: after the commit.
FLUSHES = Counter(
    "events_flushes_total",
    "Flushes of requests after their commit: `sent` to the stream; left to the relay because there is `more` or "
    "another process is at it, the stream is `unavailable`, its `breaker` is open, or the `database` fails.",
    ["result"],
    words=["sent", "more", "unavailable", "breaker", "database"],
)
FLUSH_SECONDS = Histogram("events_flush_seconds", "How long a request takes for the flush after its commit.")
FLUSH_BREAKER_OPEN = Switch(
    "events_flush_breaker_open", "Whether a process leaves its events to the relay because Redis fails."
)
FLUSHED = Counter("events_flushed_total", "Events that were given a position, by requests or the relay.")

# Append: to the stream.
APPENDED = Counter("events_appended_total", "Events that were appended to the stream, again after it was wiped.")
APPEND_SECONDS = Histogram("events_append_seconds", "How long the stream takes for a batch.")
APPEND_EVENTS = Histogram("events_append_events", "How many events a batch has that is appended.", bounds=SIZES)
RELAY_SECONDS = Histogram("events_relay_turn_seconds", "How long the relay takes for a batch of each partition.")
RELAY_FAILURES = Counter(
    "events_relay_failures_total",
    "Turns of the relay that failed: the `stream` or the `database` does not answer, or a partition is `stopped`.",
    ["reason"],
    words=["stream", "database", "stopped"],
)

# Consume: in the processes of the groups.
READ = Counter(
    "events_read_total", "Events that a group's process has read from the `stream` or the `log`.", ["group", "source"]
)
REJECTED = Counter(
    "events_rejected_entries_total",
    "Entries of the stream that were read and not believed: their `mac` is not ours, or they are no `event`.",
    ["reason"],
    words=["mac", "event"],
)
HANDLE_SECONDS = Histogram("events_handle_seconds", "How long a handler takes for a batch.", ["group"])
HANDLE_EVENTS = Histogram("events_handle_events", "How many events a handler gets at once.", ["group"], bounds=SIZES)
CONSUMED = Counter(
    "events_consumed_total", "Events that are handled or parked, once for each target of the group.", ["group"]
)
CONSUMED_AGE_SECONDS = Histogram(
    "events_consumed_age_seconds",
    "How long after it was recorded the oldest event of a batch is handled or parked.",
    ["group"],
    bounds=AGES,
)
RETRIED = Counter("events_retried_total", "Failures after which a group tries its events again.", ["group"])
SPLIT = Counter("events_batches_split_total", "Batches that were split because one of their events failed.", ["group"])
PARKED = Counter("events_parked_total", "Events that were parked as dead letters.", ["group"])
LETTERS_RETRIED = Counter(
    "events_letters_retried_total", "Dead letters that were retried: `handled`, or `failed` again.", ["group", "result"]
)
LEASES = Gauge("events_leases", "Partitions that the process owns.", ["group"])
LEASES_ACQUIRED = Counter("events_leases_acquired_total", "Partitions that the process has come to own.", ["group"])
BEAT_SECONDS = Histogram("events_heartbeat_seconds", "How long a heartbeat takes in the database.", ["group"])

# The feed.
FEED_CLIENTS = Gauge("events_feed_clients", "Clients that follow the log over HTTP now.")


def begin_group(group: str) -> None:
    """Let what has not happened yet to a group be 0: an increase from nothing is none for Prometheus."""
    for counter in (CONSUMED, RETRIED, SPLIT, PARKED, LEASES_ACQUIRED):
        counter.add(0, group)
    for result in ("handled", "failed"):
        LETTERS_RETRIED.add(0, group, result)
