"""What is measured of requests and of the sessions of the database."""

from events.measuring.instruments import Counter, Gauge, Histogram

REQUESTS = Counter(
    "http_requests_total",
    "Requests that were answered, by the template of their address, `none` for one that leads nowhere.",
    ["method", "route", "status"],
)
REQUEST_SECONDS = Histogram(
    "http_request_seconds", "How long requests take, with the flush after the commit.", ["method", "route"]
)
REQUESTS_IN_FLIGHT = Gauge("http_requests_in_flight", "Requests that Django works on now.")
REQUESTS_REFUSED = Counter(
    "http_requests_refused_total",
    "Requests that were refused before Django, by the limits WEB_*.",
    ["status"],
    words=["408", "413", "503"],
)
SESSIONS_IN_USE = Gauge("database_sessions_in_use", "Sessions of the pool that are taken now.")
SESSIONS_WAITING = Gauge("database_sessions_waiting", "Threads that wait for a session of the pool now.")
SESSION_SECONDS = Histogram(
    "database_session_seconds", "How long a thread waits for a session of the pool, also for a new one to open."
)
