"""Elasticsearch of three nodes: they are killed, hang and return, and nobody takes a part for the whole.

`python -m tests.faults.nodes` does the same at length, with all kinds of faults under load.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from subprocess import Popen
from uuid import uuid4

import pytest
from django.db.models import Min
from django.test import override_settings
from elasticsearch import Elasticsearch
from pytest_django import Settings

from events import record, unit_of_work
from events.consistency_token import ConsistencyToken, Newest
from events.exceptions import RetryLater
from events.log.reading import last_position
from events.models import Checkpoint, LogEntry
from events.relay.flush import sweep
from events.stream.interface import Stream
from readmodel.consistency.reads import ConsistentReads
from readmodel.exceptions import PointInTimeLost, StateNotReached
from readmodel.index.document_index import DocumentIndex, connect
from readmodel.index.documents import Documents
from readmodel.tickets.documents import TicketDocuments
from tests.faults.conftest import Start, kill
from tests.faults.roles import write as change_tickets
from tests.faults.truth import assert_the_read_model_equals_the_tickets
from tests.network.elasticsearch_cluster import SearchCluster, running_search_cluster
from tests.processes import running
from tests.processes import start as start_process
from tests.ticket_events import document, ticket, ticket_id
from tests.waiting import wait_until
from tickets.events import TicketIssued

EVERYTHING = {"query": {"match_all": {}}}
SEARCHES = 20
QUICK_SECONDS = 4.0
"""Less than the time-out of a request."""
IMPATIENT = 0.3


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchCluster]:
    with running_search_cluster(tmp_path_factory.mktemp("nodes")) as cluster:
        yield cluster


@pytest.fixture
def nodes(cluster: SearchCluster, settings: Settings) -> Iterator[SearchCluster]:
    """The cluster, whole and without indices; afterwards its nodes go on."""
    settings.ELASTICSEARCH_URL = cluster.url
    settings.READMODEL_ALIAS = f"test-{uuid4().hex}"
    yield cluster
    for node in cluster.nodes:
        node.go_on()
    with cluster.client() as client:
        wait_until(lambda: client.cluster.health(wait_for_nodes="3", timeout="1s")["number_of_nodes"] == 3)
        if names := list(client.indices.get(index="*")):
            client.indices.delete(index=names)


@pytest.fixture
def elasticsearch(nodes: SearchCluster) -> Iterator[Elasticsearch]:
    with nodes.client() as client:
        yield client


@pytest.fixture
def index(nodes: SearchCluster) -> Iterator[DocumentIndex]:
    index = connect(TicketDocuments)
    yield index
    index.close()


@pytest.fixture
def documents(index: DocumentIndex, nodes: SearchCluster) -> Documents:
    """An index with a replica, on two of the three nodes."""
    return ensured(index, nodes)


def ensured(index: DocumentIndex, nodes: SearchCluster) -> Documents:
    target = done(index.indices.ensure)
    nodes.wait_until_whole()
    return index.documents(target)


def done[T](attempt: Callable[[], T]) -> T:
    """Try again as the consumer does, until Elasticsearch can do it."""
    results: list[T] = []

    def is_done() -> bool:
        with suppress(RetryLater):
            results.append(attempt())
        return bool(results)

    wait_until(is_done)
    return results[0]


def write(documents: Documents, *numbers: int) -> None:
    wait_until(lambda: not done(lambda: documents.write([document(number) for number in numbers])))


def keys(*numbers: int) -> list[str]:
    return [str(ticket_id(number)) for number in numbers]


def test_all_pages_of_a_search_come_from_the_same_copies(index: DocumentIndex, documents: Documents) -> None:
    def copy_of(page: int, title: str) -> str:
        query = {"term": {"title": title}}
        answer = index.search({"query": query, "from": page * 10, "size": 10, "profile": True})
        [shard] = answer["profile"]["shards"]
        return str(shard["id"])

    def is_each_search_of_one_copy_and_not_all_of_the_same() -> bool:
        copies = [{copy_of(page, f"title {number}") for page in range(3)} for number in range(10)]
        return {len(of_pages) for of_pages in copies} == {1} and len(set.union(*copies)) == 2

    wait_until(is_each_search_of_one_copy_and_not_all_of_the_same)  # A node may just have learned of the replica.


@pytest.mark.django_db
def test_a_document_on_one_copy_is_not_taken_for_searchable_on_all(
    index: DocumentIndex, documents: Documents, stream: Stream
) -> None:
    with unit_of_work():
        record(TicketIssued(ticket=ticket(1)))
    sweep(stream, 0)
    documents.write([document(1)])  # As far as is known: the consumer has not been answered, or was killed.
    token = ConsistencyToken(events=(Newest("ticket.issued", *keys(1), 1),))
    reads = ConsistentReads(index)

    with override_settings(READMODEL_CONSISTENCY_SECONDS=IMPATIENT), pytest.raises(StateNotReached):
        reads.read(token, lambda: None)

    Checkpoint.objects.create(group="readmodel", target=documents.target.uuid, partition=0, position=last_position(0))
    assert reads.read(token, documents.count) == 1


def test_while_the_master_hangs_few_searches_wait_for_it_and_writes_go_on_by_themselves(
    nodes: SearchCluster, index: DocumentIndex, documents: Documents
) -> None:
    index.search(EVERYTHING)
    waited = 0

    hung = nodes.master
    hung.hang()
    for _ in range(SEARCHES):
        began = time.monotonic()
        with suppress(RetryLater):
            index.search(EVERYTHING)
        waited += time.monotonic() - began > QUICK_SECONDS
    write(documents, 1)

    assert waited <= 2  # One that was sent to the node, and one that another node has sent there.
    assert nodes.master is not hung


def test_no_part_of_an_index_is_taken_for_the_whole(nodes: SearchCluster, settings: Settings) -> None:
    settings.READMODEL_SHARDS, settings.READMODEL_REPLICAS = 3, 0
    hung, *living = sorted(nodes.nodes, key=lambda node: node is nodes.master)
    settings.ELASTICSEARCH_URL = nodes.url_of(*living)
    index = connect(TicketDocuments)
    documents = ensured(index, nodes)
    write(documents, *range(30))
    point_in_time = index.open_point_in_time("1m")
    name = documents.target.name

    hung.hang()
    with nodes.client() as client:
        wait_until(lambda: client.cluster.health(index=name, timeout="1s")["status"] == "red")

    for read in (
        documents.count,
        documents.refresh,
        lambda: documents.versions(keys(*range(30))),
        lambda: documents.read(keys(*range(30))),
        lambda: documents.page([], 100),
        lambda: index.search(EVERYTHING),
        lambda: index.search_many([EVERYTHING]),
        lambda: index.open_point_in_time("1m"),
    ):
        with pytest.raises(RetryLater):
            read()
    refused = done(lambda: documents.write([document(number, version=2) for number in range(30)]))
    assert {type(error) for error in refused.values()} == {RetryLater}
    with pytest.raises(PointInTimeLost):
        done(lambda: index.search({**EVERYTHING, "pit": {"id": point_in_time}}))
    assert f"no node has all shards of {name}, which can't be searched or written" in [
        fault for fault, _ in done(lambda: list(index.indices.examine()))
    ]

    hung.go_on()
    wait_until(lambda: done(documents.count) == 30)
    index.close()


def test_without_a_majority_nothing_is_taken_for_gone_and_all_goes_on_by_itself(
    nodes: SearchCluster, index: DocumentIndex, documents: Documents
) -> None:
    def is_refused(attempt: Callable[[], object]) -> bool:
        try:
            attempt()
        except RetryLater:
            return True
        return False

    write(documents, 1)
    replica = nodes.node_of(documents.target.name, primary=False)
    hung = [node for node in nodes.nodes if node is not replica]

    for node in hung:
        node.hang()
    wait_until(lambda: is_refused(lambda: documents.write([document(2)])))
    with suppress(RetryLater):  # Whether the last node says anything is its own business.
        assert index.indices.exists(documents.target.uuid)
    wait_until(lambda: is_refused(lambda: index.indices.exists("of an index that this node might not know")))

    for node in hung:
        node.go_on()
    write(documents, 2)
    assert done(lambda: documents.versions(keys(1, 2))).keys() == {*keys(1, 2)}
    assert done(index.indices.kept) == [documents.target]


@pytest.fixture
def consumer(nodes: SearchCluster, index: DocumentIndex, start: Start, stream: Stream) -> Iterator[Popen[str]]:
    """Run the relay and a consumer, which repairs nothing that is lost."""
    variables = {"ELASTICSEARCH_URL": nodes.url, "READMODEL_AUDIT_PER_SECOND": "0", "LOG_LEVEL": "ERROR"}
    with ExitStack() as stack:
        for command in (["relay_events"], ["consume_events", "readmodel", "--consumer", "one"]):
            process = stack.enter_context(running("manage.py", *command, **variables))
        wait_until(lambda: done(index.indices.searched))
        nodes.wait_until_whole()
        yield process


def handled() -> int:
    """Return the number of events in the index that has the fewest."""
    return Checkpoint.objects.filter(group="readmodel").aggregate(least=Min("position"))["least"] or 0


def wait_for_more() -> None:
    before = handled()
    wait_until(lambda: handled() > before + 20)


def test_a_node_that_dies_under_load_and_in_a_rebuild_loses_nothing(
    nodes: SearchCluster, consumer: Popen[str], start: Start, settings: Settings
) -> None:
    alias = settings.READMODEL_ALIAS
    writer = start(change_tickets)
    wait_for_more()

    killed = nodes.node_of(f"{alias}-000001", primary=True)
    killed.kill()
    wait_for_more()
    rebuilt = rebuild(nodes)
    nodes.start(killed)
    wait_for_more()

    kill(writer)
    nodes.wait_until_whole()
    wait_until(lambda: not LogEntry.objects.filter(place=None).exists())
    wait_until(lambda: handled() == last_position(0))
    assert rebuilt == 0
    assert consumer.poll() is None
    with nodes.client() as client:
        assert list(client.indices.get_alias(name=alias)) == [f"{alias}-000002"]
        assert_the_read_model_equals_the_tickets(client, alias)
    first, second = nodes.copies_of(f"{alias}-000002").values()
    assert first == second


def rebuild(nodes: SearchCluster) -> int:
    process = start_process("manage.py", "rebuild_readmodel", "tickets", ELASTICSEARCH_URL=nodes.url)
    return process.wait()
