"""Keep an Elasticsearch that does not answer from taking what other requests need: threads and database sessions.

Loading this module loads a part of Elasticsearch's client.
"""

from threading import BoundedSemaphore
from typing import Any

from circuitbreaker import CircuitBreaker
from elastic_transport import ConnectionError as NotConnected
from elastic_transport import ConnectionTimeout, Transport, TransportApiResponse

from events.processes.pooled_sessions import release_sessions
from readmodel.conf import conf
from readmodel.exceptions import LeftAlone, TooManyWaiting
from readmodel.index.nodes import all_are_silent
from readmodel.measurements import BREAKER_OPEN, REQUEST_SECONDS, REQUESTS

FAILURES = 3
PAUSE_SECONDS = 5


class GuardedTransport(Transport):
    """Sends the requests of all threads of a process. None that waits holds a pooled session of the database."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._places = BoundedSemaphore(conf.max_waiting)
        self.breaker = CircuitBreaker(
            failure_threshold=FAILURES,
            recovery_timeout=PAUSE_SECONDS,
            expected_exception=self._is_no_answer,
        )

    def perform_request(self, *args: Any, **options: Any) -> TransportApiResponse:
        """Send a request; raise LeftAlone or TooManyWaiting at once instead, or the transport's errors."""
        if self.breaker.opened:
            REQUESTS.add(1, "breaker")
            raise LeftAlone
        release_sessions()
        if not self._places.acquire(blocking=False):
            REQUESTS.add(1, "waiting")
            raise TooManyWaiting
        result = "failed"
        try:
            with REQUEST_SECONDS.timed():
                answer: TransportApiResponse = self.breaker.call(super().perform_request, *args, **options)
            result = "answered"
            return answer
        finally:
            self._places.release()
            REQUESTS.add(1, result)
            BREAKER_OPEN.turn(self.breaker.opened)

    def _is_no_answer(self, kind: type[BaseException], _error: BaseException) -> bool:
        """While one of several nodes hangs, the others answer: then nothing is left alone."""
        return issubclass(kind, NotConnected | ConnectionTimeout) and all_are_silent(self.node_pool.all())
