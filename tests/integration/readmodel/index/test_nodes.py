"""One of several nodes hangs: it costs one request its time-out, and the others are answered by the other nodes."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
from elasticsearch import Elasticsearch
from pytest_django import Settings

from config.supervisord.ports import LOOPBACK
from events.exceptions import RetryLater
from readmodel.index.client import open_client
from readmodel.index.document_index import DocumentIndex, shared_index
from readmodel.index.guarded_transport import FAILURES, GuardedTransport
from readmodel.tickets.documents import TicketDocuments
from tests.network.hung_server import hung_server
from tests.network.search_server import answering
from tests.waiting import wait_until

EVERYTHING = {"query": {"match_all": {}}}
TIMEOUT_SECONDS = 0.3
BACK_OFFS_SECONDS = 3.5
"""Long enough for the client to look again whether the node answers, twice."""
THREADS = 4 * FAILURES


@pytest.fixture
def url(elasticsearch: Elasticsearch, settings: Settings) -> Iterator[str]:
    """Two nodes, of which the first one hangs."""
    address = urlsplit(settings.ELASTICSEARCH_URL)
    account, at, host = address.netloc.rpartition("@")
    with hung_server() as hung:
        yield f"http://{account}{at}{hung},{host}"


def impatient(client: Any) -> DocumentIndex:
    return DocumentIndex(client.options(request_timeout=TIMEOUT_SECONDS), TicketDocuments())


def test_a_node_that_hangs_fails_one_request_and_gets_no_other_until_it_answers(url: str) -> None:
    client = open_client(url)
    index, failures = impatient(client), 0
    wait_until(lambda: ensured(index))

    until = time.monotonic() + BACK_OFFS_SECONDS
    while time.monotonic() < until:
        try:
            index.search(EVERYTHING)
        except RetryLater:
            failures += 1

    assert failures <= 1
    client.close()


def ensured(index: DocumentIndex) -> bool:
    try:
        return bool(index.indices.ensure())
    except RetryLater:
        return False


def test_while_another_node_answers_the_breaker_stays_closed(url: str, settings: Settings) -> None:
    settings.ELASTICSEARCH_URL = url
    shared = shared_index(TicketDocuments)
    index = impatient(shared._client)
    transport = shared._client.transport
    assert isinstance(transport, GuardedTransport)
    wait_until(lambda: ensured(index))

    with ThreadPoolExecutor(THREADS) as threads:
        for _ in range(THREADS):
            threads.submit(index.search, EVERYTHING)

    assert not transport.breaker.opened
    assert all(index.search(EVERYTHING) for _ in range(THREADS))


def test_a_node_that_has_hung_gets_no_request_before_it_has_a_master(elasticsearch: Elasticsearch) -> None:
    with answering(has_master=False) as server:
        url = f"http://{LOOPBACK}:{server.server_port},{LOOPBACK}:1"
        client = open_client(url)
        index = impatient(client)
        for node in client.transport.node_pool.all():
            node.is_silent = True  # type: ignore[attr-defined]

        with pytest.raises(RetryLater):
            index.search(EVERYTHING)

        assert {path.partition("?")[0] for path, _ in server.asked} == {"/_cluster/health"}
        client.close()
