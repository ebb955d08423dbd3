"""The production set under supervisord is restarted, killed and resized while clients use it: nothing is lost."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from elasticsearch import Elasticsearch
from pytest_django import Settings

from events.groups.members import is_seen
from events.models import Checkpoint, LogEntry, Member, Partition
from events.stream.interface import Stream
from tests.faults.production import Production, clients, production
from tests.faults.truth import assert_the_read_model_equals_the_tickets
from tests.network.gate import SECRET, opened_gate
from tests.waiting import wait_until
from tickets.models import Ticket

NUMBERS = {"relay": 1, "readmodel": 1, "access": 1, "worker": 1}
PROGRAMS = {"keeper", "relay:relay-1", "readmodel:readmodel-1", "access:access-1", "worker:worker-1", "web"}


def all_is_consumed() -> bool:
    end = Partition.objects.get().last_position
    positions = Checkpoint.objects.values_list("group", "position")
    return not LogEntry.objects.filter(place=None).exists() and set(positions) == {("access", end), ("readmodel", end)}


def numbers_of_living_members() -> list[str]:
    """Return the numbers in the names of the living consumers; one that was killed counts until it is silent."""
    names = Member.objects.filter(is_seen()).values_list("id", flat=True)
    return sorted(name.rsplit("-", 2)[-2] for name in names)


def kill(service: Production, program: str) -> None:
    os.kill(int(service.control("pid", program)), signal.SIGKILL)


def disturb(service: Production) -> None:
    """Do with the relay and the consumers what happens to them in production."""
    kill(service, "relay:relay-1")
    kill(service, "readmodel:readmodel-1")
    service.set_numbers(**NUMBERS | {"readmodel": 2})
    assert "readmodel: updated" in service.control("update")
    assert service.control("restart", "access:access-1").endswith("access:access-1: started\n")


@pytest.mark.timeout(600)
@pytest.mark.django_db(transaction=True)
def test_restarts_kills_and_new_numbers_lose_no_request_and_no_event(
    stream: Stream, elasticsearch: Elasticsearch, settings: Settings
) -> None:
    variables = {"ACCESS_SYSTEM_SECRETS": SECRET, "ACCESS_SYSTEM_ALLOW_PRIVATE": "true"}
    with opened_gate() as gate, production(NUMBERS, ACCESS_SYSTEM_URL=gate.url, **variables) as service:
        with clients(service.port) as statuses, ThreadPoolExecutor(1) as thread:
            disturbing = thread.submit(disturb, service)
            assert service.control("restart", "web") == "web: stopped\nweb: started\n"
            disturbing.result()
        wait_until(lambda: service.running() == PROGRAMS | {"readmodel:readmodel-2"})
        wait_until(all_is_consumed)
        wait_until(lambda: numbers_of_living_members() == ["1", "1", "2"])

        assert statuses.keys() == {201, 200}
        assert statuses[200] == statuses[201] > 0
        issued = Ticket.objects.values_list("id", flat=True)
        assert {str(ticket) for ticket in issued} == set(LogEntry.objects.values_list("subject", flat=True))
        assert set(gate.tickets) == set(Ticket.objects.filter(status="canceled").values_list("id", flat=True))
        assert_the_read_model_equals_the_tickets(elasticsearch, settings.READMODEL_ALIAS)
