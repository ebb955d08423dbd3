"""What is measured of the webhooks and the jobs."""

from events.measuring.instruments import Counter, Histogram

WEBHOOKS = Counter(
    "tickets_webhooks_total",
    "Messages to the receivers: `accepted`; `refused` for good; `failed`, to be sent again; or `held` back, because "
    "the receiver can take none now.",
    ["result"],
    words=["accepted", "refused", "failed", "held"],
)
WEBHOOK_SECONDS = Histogram("tickets_webhook_seconds", "How long a receiver takes until it has answered a message.")
JOB_TURN_SECONDS = Histogram("tickets_job_turn_seconds", "How long a worker takes for its turn at a job.", ["kind"])
