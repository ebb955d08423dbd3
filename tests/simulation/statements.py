"""The raw SQL of the core, as functions over tables in memory; the simple UPDATE of a checkpoint is parsed.

A statement that is not known here fails loudly: whoever changes the SQL has to look at its twin too.
"""

import re
from collections.abc import Callable, Sequence
from functools import cache
from itertools import accumulate
from typing import Any
from uuid import UUID

from events.groups import checkpoint
from events.log import positions, reading
from events.operations import compaction
from events.recording import outbox
from tests.simulation.scheduler import Call
from tests.simulation.sessions import Server, call
from tests.simulation.tables import Row, Transaction

type Result = tuple[list[Any], int]
type Statement = Callable[[Server, Transaction, Sequence[Any]], Result]

UPDATE = re.compile(r"\s*UPDATE (\w+) SET (.+?)\s+WHERE (.+?)\s*", re.DOTALL)
PARAMETER = object()
ALWAYS = "%s IS NOT NULL"
"""Takes the place of a condition in a planted fault."""


def run(server: Server, text: str, parameters: Sequence[Any]) -> Result:
    kind, writes, waits_for_disk, statement = _statement(text)
    return server.statement(
        kind,
        lambda transaction: statement(server, transaction, parameters),
        writes=writes,
        waits_for_disk=waits_for_disk,
    )


@cache
def _statement(text: str) -> tuple[Call, bool, bool, Statement]:
    waits_for_disk = checkpoint.WITHOUT_WAITING_FOR_THE_DISK not in text
    kind, writes, statement = _parsed(text.removesuffix(f" {checkpoint.WITHOUT_WAITING_FOR_THE_DISK}"))
    return call(kind), writes, waits_for_disk, statement


def _parsed(text: str) -> tuple[str, bool, Statement]:
    known: dict[str, tuple[str, bool, Statement]] = {
        reading.READ_AFTER.format(columns=reading.SELECTED): ("read the log", False, read_after),
        reading.READ_BEHIND.format(columns=reading.SELECTED): ("read the log", False, read_behind),
        reading.READ_EVENT.format(columns=reading.SELECTED): ("read an event", False, read_event),
        reading.EVENT_AT: ("event at", False, event_at),
        reading.SIZE_OF_NEXT: ("size of next", False, size_of_next),
        reading.FITTING: ("fitting", False, fitting),
        compaction.DROP.format(replaced=""): ("drop", True, drop),
        positions.GIVE_BY_FUNCTION: ("give positions", True, give_positions),
    }
    if text in known:
        return known[text]
    if text.startswith(outbox.INSERT):
        return "insert events", True, insert_events
    match = UPDATE.fullmatch(text)
    if match is None:
        raise NotImplementedError(f"tests/simulation/statements.py does not know {text!r}")
    return f"update {match[1]}", True, _update(match[1], match[2], match[3])


def _update(table: str, changes: str, conditions: str) -> Statement:
    assigned = [_assigned(part) for part in changes.split(",")]
    wanted = [_assigned(part) for part in conditions.split(" AND ")]

    def update(server: Server, transaction: Transaction, parameters: Sequence[Any]) -> Result:
        given = iter(parameters)
        new = {column: next(given) if value is PARAMETER else value for column, value in assigned}
        old = {column: next(given) if value is PARAMETER else value for column, value in wanted}
        old.pop(ALWAYS, None)

        def fits(row: Row) -> bool:
            return all(row[column] == value for column, value in old.items())

        database = server.database
        rows = [row for row in database.visible(database.tables[table], transaction) if fits(row)]
        count = 0
        for key, row in database.choose(database.tables[table], transaction, fits, rows):
            transaction.put(database.tables[table], key, {**row, **new})
            count += 1
        return [], count

    return update


def _assigned(part: str) -> tuple[str, Any]:
    if part.strip() == ALWAYS:
        return ALWAYS, PARAMETER
    column, value = (text.strip().strip('"') for text in part.split("=", 1))
    return column, PARAMETER if value == "%s" else None if value == "NULL" else int(value)


def _places(server: Server, transaction: Transaction, partition: int, after: int, most: int) -> list[Row]:
    places = server.database.visible(server.database.tables["events_position"], transaction)
    found = [place for place in places if place["partition"] == partition and place["position"] > after]
    return sorted(found, key=lambda place: place["position"])[:most]


def _envelope_row(server: Server, entry: Row, position: int | None) -> tuple[Any, ...]:
    values = {**entry, "place__position": position}
    if server.vendor == "sqlite":
        values |= {"event_id": entry["event_id"].hex, "time": entry["time"].replace(tzinfo=None)}
    return tuple(values[column] for column in reading.ENVELOPE_COLUMNS)


def read_after(server: Server, transaction: Transaction, parameters: Sequence[Any]) -> Result:
    partition, after, most, most_bytes = parameters
    places = _places(server, transaction, partition, after, most)
    totals = accumulate(place["size"] for place in places)
    fit = [place for place, total in zip(places, totals, strict=True) if total <= most_bytes or total == place["size"]]
    database = server.database
    log = database.tables["events_log"]
    rows = [(database.at(log, place["entry_id"], transaction), place["position"]) for place in fit]
    found = [_envelope_row(server, entry, position) for entry, position in rows if entry]
    return found, len(found)


def read_behind(server: Server, transaction: Transaction, parameters: Sequence[Any]) -> Result:
    rows, number = read_after(server, transaction, parameters[2:])
    at_end, _ = event_at(server, transaction, parameters[:2])
    return [(*row, at_end[0][0] if at_end else None) for row in rows], number


def read_event(server: Server, transaction: Transaction, parameters: Sequence[Any]) -> Result:
    database = server.database
    event_id = UUID(parameters[0])
    entries = database.visible(database.tables["events_log"], transaction)
    found = [entry for entry in entries if entry["event_id"] == event_id]
    places = database.tables["events_position"]
    rows = [
        _envelope_row(server, entry, (database.at(places, entry["id"], transaction) or {}).get("position"))
        for entry in found
    ]
    return rows, len(rows)


def event_at(server: Server, transaction: Transaction, parameters: Sequence[Any]) -> Result:
    partition, position = parameters
    places = _places(server, transaction, partition, position - 1, 1)
    if not places or places[0]["position"] != position:
        return [], 0
    entry = server.database.at(server.database.tables["events_log"], places[0]["entry_id"], transaction)
    return ([(entry["event_id"],)], 1) if entry else ([], 0)


def _between(server: Server, transaction: Transaction, parameters: Sequence[Any]) -> list[Row]:
    partition, after, to = parameters
    return [place for place in _places(server, transaction, partition, after, to - after) if place["position"] <= to]


def size_of_next(server: Server, transaction: Transaction, parameters: Sequence[Any]) -> Result:
    places = _between(server, transaction, parameters)
    last = places[-1]["position"] if places else None
    return [(len(places), last, sum(place["size"] for place in places) if places else None)], 1


def fitting(server: Server, transaction: Transaction, parameters: Sequence[Any]) -> Result:
    *place, most_bytes = parameters
    places = _between(server, transaction, place)
    totals = accumulate(found["size"] for found in places)
    fit = [found for found, total in zip(places, totals, strict=True) if total <= most_bytes]
    return [(len(fit), fit[-1]["position"] if fit else None)], 1


def give_positions(server: Server, transaction: Transaction, parameters: Sequence[Any]) -> Result:
    """Do what the function of migration 0015 does."""
    partition, may_wait = parameters
    database = server.database
    lock = ("events_partition", partition)
    if not may_wait and database.is_locked(transaction, lock):
        return [(None, None, None, None, _count(server, transaction))], 1
    database.lock(transaction, lock)
    partitions, places, log, waits = (
        database.tables[name] for name in ("events_partition", "events_position", "events_log", "events_waiting")
    )
    found, count = database.at(partitions, partition, transaction), _count(server, transaction)
    if not found:
        return [(None, None, None, None, count)], 1
    first, generation = found["last_position"] + 1, found["generation"]
    if found["divergence"]:
        return [(first, None, None, generation, count)], 1
    looked = _lists(server, transaction, partition)
    waiting = [row for row in database.visible(waits, transaction) if row["partition"] in looked]
    own = [row for row in waiting if row["slot"] % count == partition]
    lists = {row["entry_id"]: row["partition"] for row in own}
    entries = [database.at(log, number, transaction) for number in sorted(lists)[: positions.BATCH_ROWS]]
    given = [entry for entry in entries if entry]
    if not given:
        return [(first, None, None, generation, count)], 1
    for position, entry in enumerate(given, first):
        place = {"entry_id": entry["id"], "partition": partition, "position": position, "size": len(entry["data"])}
        database.insert(places, transaction, place)
        transaction.put(waits, (lists[entry["id"]], entry["id"]), None)
    transaction.put(partitions, partition, {**found, "last_position": first + len(given) - 1})
    before, _ = event_at(server, transaction, [partition, first - 1])
    event_ids = [entry["event_id"] for entry in given]
    return [(first, event_ids, before[0][0] if before else None, generation, count)], 1


def _lists(server: Server, transaction: Transaction, partition: int | None) -> list[int]:
    """Return the lists in which rows of this partition may wait: its own, and those of its ancestors."""
    lists: list[int] = []
    while partition is not None:
        lists.append(partition)
        found = server.database.at(server.database.tables["events_partition"], partition, transaction)
        partition = found["parent"] if found else None
    return lists


def _count(server: Server, transaction: Transaction) -> int:
    """Return the number of partitions that are committed by now."""
    return len(list(server.database.visible(server.database.tables["events_partition"], transaction)))


def insert_events(server: Server, transaction: Transaction, parameters: Sequence[Any]) -> Result:
    """Insert into the log; the trigger of migration 0016 adds the rows that wait for a position."""
    database = server.database
    log, waits = database.tables["events_log"], database.tables["events_waiting"]
    width, count = len(outbox.COLUMNS), _count(server, transaction)
    for start in range(0, len(parameters), width):
        row = dict(zip(outbox.COLUMNS, parameters[start : start + width], strict=True))
        row |= {"id": log.next_id(), "event_id": UUID(row["event_id"])}
        database.insert(log, transaction, row)
        waiting = {"partition": row["slot"] % count, "entry_id": row["id"], "slot": row["slot"]}
        transaction.put(waits, (waiting["partition"], waiting["entry_id"]), waiting)
    return [], len(parameters) // width


def drop(server: Server, transaction: Transaction, parameters: Sequence[Any]) -> Result:
    """Delete the rows of the log that compaction has chosen, and note how far it came."""
    replaced, compacted_to, partition = parameters
    database = server.database
    log, places, partitions = (database.tables[name] for name in ("events_log", "events_position", "events_partition"))
    rows = replaced.rows_in(transaction)
    for row in rows:
        transaction.put(log, row["id"], None)
        transaction.put(places, row["id"], None)
    database.lock(transaction, ("events_partition", partition))
    found = database.at(partitions, partition, transaction)
    assert found
    transaction.put(partitions, partition, {**found, "compacted_to": max(found["compacted_to"], compacted_to)})
    return [(len(rows),)], 1


def _give_at_insert(server: Server, transaction: Transaction, entry: Row) -> None:
    """Give the next position at once, for the fault that is planted in `insert_events`: what is not to be done."""
    database = server.database
    partitions, places = database.tables["events_partition"], database.tables["events_position"]
    found = database.at(partitions, entry["partition"], transaction)
    assert found
    position = server.next_number(entry["partition"])
    place = {"entry_id": entry["id"], "partition": entry["partition"], "position": position, "size": len(entry["data"])}
    database.insert(places, transaction, place)
    transaction.put(partitions, entry["partition"], {**found, "last_position": position})
