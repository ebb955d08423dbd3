"""Answer Prometheus on a port of this process; the relay, the consumers and the workers of jobs do so."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from django.conf import settings
from prometheus_client import ProcessCollector, start_http_server

from config.metrics.observing import observed

logger = logging.getLogger(__name__)

RETRY_SECONDS = 5.0


@contextmanager
def serving_metrics(port: int) -> Iterator[None]:
    """Serve what this process measures during the block, at METRICS_HOST.

    A port that is taken keeps no event waiting: the process works, its log has a warning, and it tries again until the
    other program has ended. So two releases of a program can run at the same time.
    """
    registry, ended = observed(), Event()
    ProcessCollector(registry=registry)
    serving = Thread(target=_serve, args=(port, ended), name="metrics", daemon=True)
    serving.start()
    try:
        yield
    finally:
        ended.set()
        serving.join()


def _serve(port: int, ended: Event) -> None:
    has_warned = False
    while not ended.is_set():
        try:
            server, thread = start_http_server(port, addr=settings.METRICS_HOST, registry=observed())
        except OSError as error:
            if not has_warned:
                logger.warning("no metrics on port %d until it is free: %s", port, error)
            has_warned = True
            ended.wait(RETRY_SECONDS)
        else:
            logger.info("metrics are at http://%s:%d/metrics", settings.METRICS_HOST, port)
            ended.wait()
            server.shutdown()
            server.server_close()
            thread.join()
