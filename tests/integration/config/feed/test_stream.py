"""Test streams and pages of events on a real web server: no event is lost or repeated."""

import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import httpx
import psutil
import pytest
from pytest_django import Settings

from events import record, unit_of_work
from events.feed.follower import POLL_SECONDS
from events.models import LogEntry, Partition
from events.relay.flush import sweep
from events.stream.interface import Stream as EventStream
from tests.contracts.repartitioning import WANTED, repartition, thing_in
from tests.network.feed_server import (
    SETTINGS,
    Server,
    Stream,
    connections,
    headers,
    make,
    serving,
    streaming,
    write_some,
)
from tests.things import ThingMoved
from tests.waiting import wait_until

ROUNDS = 20
PAUSES = 5

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_stream_sends_stored_and_new_events(server: Server, token: str) -> None:
    make("a", "b")
    client = Stream()
    with streaming(server, token, Accept="text/event-stream") as response:
        arriving = client.read(response)
        found = [next(arriving)["subject"] for _ in "ab"]
        for name in "cde":  # The first may be read from the log, the others arrive live.
            make(name)
            found.append(next(arriving)["subject"])

    assert found == ["a", "b", "c", "d", "e"]
    assert [event["position"] for event in client.events] == [1, 2, 3, 4, 5]
    assert client.events[0]["data"] == {"name": "a", "version": 1, "note": ""}
    assert response.headers["Content-Type"] == "text/event-stream"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Accel-Buffering"] == "no"


def test_an_event_wakes_the_stream_also_right_after_another(server: Server, token: str) -> None:
    client = Stream()
    with streaming(server, token, "after=latest") as response:
        arriving = client.read(response)
        make("first")
        next(arriving)
        before = time.monotonic()
        for number in range(ROUNDS):
            make(f"thing-{number}")
            next(arriving)

    assert time.monotonic() - before < ROUNDS * POLL_SECONDS / 2


def test_an_event_wakes_the_stream_also_after_a_pause(server: Server, token: str) -> None:
    """Record the events at different moments of the reader's polls: at none of them it is deaf."""
    client, late = Stream(), 0.0
    with streaming(server, token, "after=latest") as response:
        arriving = client.read(response)
        for number in range(PAUSES):
            time.sleep(POLL_SECONDS * (1 + number / PAUSES))  # The pause is what is tested.
            before = time.monotonic()
            make(f"thing-{number}")
            next(arriving)
            late += time.monotonic() - before

    assert late < POLL_SECONDS


def test_a_stream_can_start_at_the_end_and_filter_events(server: Server, token: str) -> None:
    make("a")
    client = Stream()
    with streaming(server, token, "after=latest&type=thing.moved&subject=b&subject=c") as response:
        arriving = client.read(response)
        make("b", "c", "d")
        with unit_of_work():
            record(*(ThingMoved(name=name, version=2) for name in "adcb"))
        found = [next(arriving)["subject"] for _ in "bc"]

    assert found == ["c", "b"]


def test_a_stream_goes_on_through_a_repartitioning(server: Server, token: str, repartitioned: None) -> None:
    names = [thing_in(partition) for partition in range(WANTED)]
    client = Stream()
    with streaming(server, token) as response:
        arriving = client.read(response)
        make(*names)
        found = [next(arriving) for _ in names]
        repartition()
        for version in (2, 3, 4):
            with unit_of_work():
                record(*(ThingMoved(name=name, version=version) for name in names))
            found += [next(arriving) for _ in names]

    assert {event["partition"] for event in found} == set(range(WANTED))
    for name in names:
        versions = [event["aggregateversion"] for event in found if event["subject"] == name]
        assert versions == [1, 2, 3, 4]


def test_a_client_that_joins_others_gets_earlier_events_too(server: Server, token: str) -> None:
    make("a", "b")
    with streaming(server, token, "after=latest") as response:
        arriving = Stream().read(response)
        for name in "cde":
            make(name)
            assert next(arriving)["subject"] == name
        with streaming(server, token) as later:
            joining = Stream().read(later)
            found = [next(joining)["subject"] for _ in "abcde"]
            make("f")
            found += [next(joining)["subject"], next(arriving)["subject"]]

    assert found == ["a", "b", "c", "d", "e", "f", "f"]


def test_a_stream_without_events_sends_a_cursor_to_resume(server: Server, token: str) -> None:
    make("a")
    with streaming(server, token, "after=latest") as response:
        [_, first_id] = islice(response.iter_lines(), 2)
    make("b")
    with streaming(server, token, "after=latest", **{"Last-Event-ID": first_id.removeprefix("id: ")}) as response:
        assert next(Stream().read(response))["subject"] == "b"


def test_repeated_disconnects_lose_and_repeat_no_event(server: Server, token: str) -> None:
    """Two writers run meanwhile, and the client sometimes falls behind and has to catch up with live events."""
    chance = random.Random(7)
    client = Stream()
    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(write_some, name, 150) for name in "ab"]
        while len(client.events) < 300:
            with streaming(server, token, **{"Last-Event-ID": client.last_id}) as response:
                arriving = client.read(response)
                for _ in range(min(chance.randrange(40), 300 - len(client.events))):
                    next(arriving)
        for writer in writers:
            writer.result()

    assert [event["position"] for event in client.events] == list(range(1, 301))
    assert [event["id"] for event in client.events] == in_the_log()


def test_events_of_several_partitions_are_in_order_within_each(
    partitions: None, stream: EventStream, token: str
) -> None:
    chance = random.Random(5)
    client = Stream()
    with serving(DJANGO_SETTINGS_MODULE=SETTINGS) as server, ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(write_some, name, 100) for name in "ab"]
        while len(client.events) < 200:
            with streaming(server, token, **{"Last-Event-ID": client.last_id}) as response:
                arriving = client.read(response)
                for _ in range(min(chance.randrange(1, 40), 200 - len(client.events))):
                    next(arriving)
        for writer in writers:
            writer.result()

    assert len({event["id"] for event in client.events}) == 200
    for partition in range(3):
        positions = [event["position"] for event in client.events if event["partition"] == partition]
        assert positions == list(range(1, len(positions) + 1))
        assert positions


def in_the_log() -> list[str]:
    return [str(found) for found in LogEntry.objects.order_by("place__position").values_list("event_id", flat=True)]


def test_a_stream_continues_from_the_log_without_redis(stream: EventStream, token: str) -> None:
    nobody = "redis://127.0.0.1:1/tickets"
    client = Stream()
    with (
        serving(DJANGO_SETTINGS_MODULE=SETTINGS, EVENT_STREAM_URL=nobody) as server,
        streaming(server, token) as response,
    ):
        arriving = client.read(response)
        make("a")
        first = next(arriving)
        make("b")
        second = next(arriving)

    assert [first["subject"], second["subject"]] == ["a", "b"]


def test_a_wiped_stream_and_foreign_entries_do_not_change_the_feed(
    server: Server, token: str, stream: EventStream
) -> None:
    with streaming(server, token) as response:
        arriving = Stream().read(response)
        make("a")
        assert next(arriving)["subject"] == "a"
        stream._client.flushall()
        stream._client.xadd(stream.key(0), {"KEY": "VALUE"})
        make("b")
        assert next(arriving)["subject"] == "b"
        started, before = time.monotonic(), reads(stream)
        wait_until(lambda: reads(stream) >= before + 3)
        assert time.monotonic() - started > 1  # The server waits between its reads of the stream.


def reads(stream: EventStream) -> int:
    """Return how often Redis was asked for new entries."""
    return int(stream._client.info("commandstats")["cmdstat_xread"]["calls"])


def test_a_restored_log_ends_the_stream_and_refuses_its_cursor(server: Server, token: str) -> None:
    client = Stream()
    with streaming(server, token) as response:
        arriving = client.read(response)
        make("a", "b")
        found = [next(arriving)["subject"] for _ in "ab"]
        LogEntry.objects.filter(subject="b").delete()
        Partition.objects.update(last_position=1)

        assert list(arriving) == []
    answer = httpx.get(f"{server.url}/api/events/stream", headers=headers(token, **{"Last-Event-ID": client.last_id}))

    assert found == ["a", "b"]
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:problem:cursor-ahead")


def test_a_waiting_request_gets_the_next_event_at_once(server: Server, token: str) -> None:
    now = httpx.get(f"{server.url}/api/events/?after=latest", headers=headers(token)).json()["next"]

    def wait(query: str) -> tuple[float, httpx.Response]:
        started = time.monotonic()
        answer = httpx.get(f"{server.url}/api/events/?after={now}&{query}", headers=headers(token), timeout=90)
        return time.monotonic() - started, answer

    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(wait, "wait=30&subject=b")
        [worker] = psutil.Process(server.process.pid).children()
        wait_until(lambda: connections(worker, server))
        seconds_of_empty_one, empty = wait("wait=0.5&subject=c")
        make("a", "b")
        seconds, answer = waiting.result()

    assert [event["subject"] for event in answer.json()["events"]] == ["b"]
    assert seconds < 30
    assert empty.json()["events"] == []
    assert seconds_of_empty_one >= 0.5


def test_pages_neither_lose_nor_repeat_events_during_writes(server: Server, token: str) -> None:
    chance = random.Random(3)
    found: list[str] = []
    after = ""
    with ThreadPoolExecutor(3) as pool, httpx.Client(base_url=server.url, headers=headers(token)) as http:
        writers = [pool.submit(write_some, name, 100) for name in "abc"]
        while len(found) < 300:
            query = {"after": after, "limit": chance.randrange(1, 30), "wait": 5}
            page = json.loads(http.get("/api/events/", params=query).content)
            found += [event["id"] for event in page["events"]]
            after = page["next"]
        for writer in writers:
            writer.result()

    assert found == in_the_log()


def test_a_stream_follows_a_relay_that_catches_up(
    server: Server, token: str, stream: EventStream, settings: Settings
) -> None:
    settings.EVENTS_FLUSH_ON_COMMIT = False
    with streaming(server, token) as response:
        arriving = Stream().read(response)
        make(*(f"thing-{number}" for number in range(1_200)))
        sweep(stream, 0)

        assert [next(arriving)["position"] for _ in range(1_200)] == list(range(1, 1_201))
