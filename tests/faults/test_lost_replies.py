"""Kill flushing processes, cut, delay and garble their connections: the stream gets every position once, in order."""

import random
import time
from urllib.parse import urlsplit

from django.conf import settings

from events.log.reading import last_position
from events.models import LogEntry
from events.stream.interface import Stream
from tests.faults.conftest import Start, kill
from tests.faults.roles import through
from tests.network.proxy import cut, cut_in_the_middle, garble, late, now_and_then, running_proxy
from tests.waiting import wait_until

STRIKES = 16
HARM = now_and_then(0.15, cut, cut, cut_in_the_middle, garble, late(0.4))
ROLES = ("write", "write", "write", "relay", "relay", "relay")


def test_the_stream_ends_with_every_position_once_in_order(start: Start, stream: Stream) -> None:
    there = urlsplit(settings.EVENTS_STREAM_URL)
    with running_proxy((there.hostname or "", there.port or 0)) as proxy:
        proxy.fault = HARM
        processes = [start(through, proxy.address, role) for role in ROLES]
        wait_until(lambda: stream.length(0) > 0)
        for _ in range(STRIKES):
            time.sleep(random.uniform(0.2, 0.8))  # Chooses the moment of the kill; it is not a wait for a condition.
            assert all(process.is_alive() for process in processes)
            number = random.randrange(len(ROLES))
            kill(processes[number])
            processes[number] = start(through, proxy.address, ROLES[number])
        wait_until(lambda: proxy.faults > 10)
        for role, process in zip(ROLES, processes, strict=True):
            if role == "write":
                kill(process)
        wait_until(lambda: not LogEntry.objects.filter(place=None).exists())
        wait_until(lambda: stream.tail(0).position == last_position(0))

    entries = stream.entries(0, after="0", count=1_000_000)
    sent = [(entry.envelope.position, entry.envelope.id) for entry in entries if entry.envelope]
    assert sent == list(LogEntry.objects.order_by("place__position").values_list("place__position", "event_id"))
    assert [position for position, _ in sent] == list(range(1, len(sent) + 1))
