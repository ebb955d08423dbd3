"""Take Elasticsearch away, let it refuse or lose, and damage what it has."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from django.conf import settings
from elasticsearch import ApiError, TransportError

from tests.damage import Damage
from tests.faults.driver.faults import Harm, fault
from tests.faults.driver.harm import AT_ONCE, SHORT
from tests.network import elasticsearch_proxy
from tests.network.elasticsearch_proxy import pass_on, refuse, refuse_half_of_bulk
from tests.processes import suspended


@contextmanager
def _requests(harm: Harm, how: elasticsearch_proxy.Fault) -> Iterator[None]:
    harm.servers.elasticsearch.proxy.fault = how
    try:
        yield
    finally:
        harm.servers.elasticsearch.proxy.fault = pass_on


@fault("Elasticsearch: killed", "Elasticsearch", weight=0.12, seconds=AT_ONCE)
def search_killed(harm: Harm) -> Iterator[None]:
    harm.servers.elasticsearch.kill()
    yield
    harm.servers.elasticsearch.start()
    harm.servers.elasticsearch.wait_until_ready()


@fault("Elasticsearch: stopped", "Elasticsearch", seconds=SHORT)
def search_stopped(harm: Harm) -> Iterator[None]:
    with suspended([harm.servers.elasticsearch.process]):
        yield


@fault("Elasticsearch: 429", "Elasticsearch", seconds=SHORT)
def search_too_busy(harm: Harm) -> Iterator[None]:
    with _requests(harm, refuse(HTTPStatus.TOO_MANY_REQUESTS)):
        yield


@fault("Elasticsearch: 503", "Elasticsearch", seconds=SHORT)
def search_unavailable(harm: Harm) -> Iterator[None]:
    with _requests(harm, refuse(HTTPStatus.SERVICE_UNAVAILABLE)):
        yield


@fault("Elasticsearch: half of each bulk refused", "Elasticsearch", weight=2, seconds=SHORT)
def half_of_bulk_refused(harm: Harm) -> Iterator[None]:
    with _requests(harm, refuse_half_of_bulk):
        yield


@fault("Elasticsearch: answers lost after the write", "Elasticsearch", weight=2, seconds=SHORT)
def search_answers_lost(harm: Harm) -> Iterator[None]:
    with _requests(harm, elasticsearch_proxy.lose_answers):
        yield


@fault("Elasticsearch: slow", "Elasticsearch", seconds=SHORT)
def search_slow(harm: Harm) -> Iterator[None]:
    with _requests(harm, elasticsearch_proxy.late(0.3)):
        yield


@fault("Elasticsearch: index deleted", "Elasticsearch", weight=0.7, seconds=AT_ONCE)
def index_deleted(harm: Harm) -> Iterator[None]:
    client = harm.installation.elasticsearch
    for index in client.indices.get_alias(name=settings.READMODEL_ALIAS):
        client.options(ignore_status=404).indices.delete(index=index)
    yield


@fault("Elasticsearch: documents damaged", "Elasticsearch", weight=0.7, seconds=AT_ONCE)
def documents_damaged(harm: Harm) -> Iterator[None]:
    damage = Damage(harm.installation.elasticsearch, settings.READMODEL_ALIAS)
    try:
        damage.invent("ghost", id="ghost", title="Ghost", version=1)
        keys = sorted(damage.documents().keys() - {"ghost"})
        for key_ in harm.random.sample(keys, min(3, len(keys))):
            harm.random.choice((damage.delete, damage.alter, damage.lift))(key_)
    except (ApiError, TransportError):
        harm.has_struck = False  # Another fault, or a repair, was faster.
    yield
