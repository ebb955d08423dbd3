"""What one process of the web server takes on at once."""

from config.environment.sections import Section
from config.settings.variables import environment

env = Section(environment, "What a web process takes on")
WEB_REQUESTS_AT_ONCE = env.number(
    "WEB_REQUESTS_AT_ONCE",
    default=200,
    most=10_000,
    meaning="how many requests a web process works on at once; each has a thread. Others wait for their turn",
)
WEB_QUEUE_SECONDS = env.seconds(
    "WEB_QUEUE_SECONDS", default=5.0, meaning="how long a request waits for its turn before it is answered 503"
)
WEB_BODY_BYTES = env.number(
    "WEB_BODY_BYTES",
    default=1_000_000,
    meaning="how large a request's body may be; a larger one is answered 413",
)
WEB_BODY_SECONDS = env.seconds(
    "WEB_BODY_SECONDS", default=10.0, meaning="how long a body may take to arrive; a slower one is answered 408"
)
WEB_UPLOAD_BYTES = env.number(
    "WEB_UPLOAD_BYTES",
    default=10_000_000,
    meaning="how large the form of the admin's import may be, for those to whom its page was shown within the last "
    "hour",
)
WEB_UPLOAD_SECONDS = env.seconds(
    "WEB_UPLOAD_SECONDS", default=60.0, meaning="how long a form with files may take to arrive"
)
WEB_BULK_BYTES = env.number(
    "WEB_BULK_BYTES",
    default=5_000_000,
    meaning="how large the body of `POST /api/tickets/bulk/` may be; 100,000 ids take 4 MB",
)
WEB_BODIES_BYTES = env.number(
    "WEB_BODIES_BYTES",
    default=64_000_000,
    meaning="what all bodies of a web process may take together, beyond 64 KiB each; a further one is answered 503",
)
API_USER_PER_MINUTE = env.number(
    "API_USER_PER_MINUTE",
    default=6_000,
    meaning="how many requests a minute a user sends to one process's API; further ones are answered 429",
)
API_ADDRESS_PER_MINUTE = env.number(
    "API_ADDRESS_PER_MINUTE", default=6_000, meaning="the same for an address, with or without a user"
)

# Options of granian, which reads them itself. Its other ones have its own defaults.
env = Section(environment, "Options of the web server")
WEB_WORKERS = env.number(
    "GRANIAN_WORKERS",
    default=1,
    most=1_000,
    meaning="how many web processes serve the port; one for each processor. See [sessions](#sessions-of-the-database)",
)
env.number("GRANIAN_PORT", default=8000, default_is="8000", most=65_535, meaning="the port")
env.text("GRANIAN_HOST", default="127.0.0.1", meaning="the address to listen on", example="0.0.0.0")  # noqa: S104
env.text(
    "GRANIAN_KEEPER",
    default="",
    meaning="where `config.web.server.keeper` hands out a socket that outlives the web server. "
    "[supervisord](../operations/supervisor.md#restart-without-losing-a-request) has one",
    example="/run/tickets/web.socket",
)
env.text(
    "GRANIAN_HTTP", default="1", meaning="`1`: granian has no time-out for a connection that may still become HTTP/2"
)
env.switch(
    "GRANIAN_WEBSOCKETS",
    default=False,
    meaning="whether connections may become WebSockets, which the service does not use",
)
env.number(
    "GRANIAN_HTTP1_HEADER_READ_TIMEOUT",
    default=10_000,
    most=60_000,
    meaning="milliseconds in which the headers must arrive; also how long a connection may be idle",
)
env.number(
    "GRANIAN_HTTP1_BUFFER_SIZE",
    default=65_536,
    least=8_192,
    meaning="how many bytes the headers may have",
)
env.number(
    "GRANIAN_BACKPRESSURE",
    default=4_096,
    meaning="how many connections a worker has; further ones wait until one of these is closed",
)
