"""Let the receiver of the webhooks refuse, or answer badly."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus

from django.db import Error

from tests.faults.driver.faults import Harm, fault
from tests.faults.driver.harm import SHORT
from tests.faults.driver.installation import retry_letters
from tests.network import gate


@contextmanager
def _receiver(harm: Harm, answer: gate.Answer) -> Iterator[None]:
    harm.servers.gate.answer = answer
    try:
        yield
    finally:
        harm.servers.gate.answer = gate.status(HTTPStatus.NO_CONTENT)


@fault("receiver: refuses", "receiver", seconds=(0.4, 1.0))
def receiver_refuses(harm: Harm) -> Iterator[None]:
    """Let messages become dead letters, which an operator retries afterwards."""
    with _receiver(harm, gate.status(HTTPStatus.BAD_REQUEST)):
        yield
    with suppress(Error):
        retry_letters()


@fault("receiver: 503", "receiver", seconds=SHORT)
def receiver_unavailable(harm: Harm) -> Iterator[None]:
    with _receiver(harm, gate.status(HTTPStatus.SERVICE_UNAVAILABLE)):
        yield


@fault("receiver: answers cut", "receiver", seconds=SHORT)
def receiver_answers_cut(harm: Harm) -> Iterator[None]:
    with _receiver(harm, gate.cut):
        yield


@fault("receiver: slow", "receiver", seconds=SHORT)
def receiver_slow(harm: Harm) -> Iterator[None]:
    with _receiver(harm, gate.slowly(0.5)):
        yield
