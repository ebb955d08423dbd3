"""Run granian, the web server, so that its workers come and go without a lost request.

    python -m config.web.server [options of granian] config.asgi:application

It has granian's options, some with other defaults (LIMITS), and `--keeper`. It differs in four ways: all workers accept
connections from one socket, which the main process opens, or gets from systemd or from keeper.py; SIGHUP replaces each
worker as soon as a new one has loaded the application, and keeps the old one if that fails; a worker that dies is
replaced; and the workers of a main process that was killed end with it. It ends if its first worker refuses the
settings.
"""

from pathlib import Path

from config.first_process import end_when_asked

if __name__ == "__main__":
    end_when_asked()

# Afterwards, since they take long to load.
from granian import cli

from config.web.server.shared_figures import shared_figures
from config.web.server.workers import WebServer

LIMITS = {
    "http": "1",  # Granian waits for ever for the first byte of a connection that may be HTTP/2.
    "websockets": False,
    "http1_header_read_timeout": 10_000,
    "http1_buffer_size": 65_536,  # It holds a request's headers.
    "backpressure": 4_096,  # Granian counts connections, also idle ones, and accepts no more than these.
}
"""What a client may take of a worker, unless an option or a variable GRANIAN_* says otherwise."""


if __name__ == "__main__":
    cli.option(
        "--keeper",
        expose_value=False,  # Granian's own function would not know it.
        callback=lambda _context, _option, path: setattr(WebServer, "keeper", path and Path(path)),
        help="Where config.web.server.keeper hands out a socket that outlives this process",
    )(cli.cli)
    vars(cli)["Server"] = WebServer
    cli.cli.context_settings["default_map"] = LIMITS
    with shared_figures():
        cli.entrypoint()  # type: ignore[no-untyped-call]
