"""Serve all partitions in turn, a batch of each: neither a backlog nor steady traffic keeps others waiting.

In:   committed rows of the log.
Out:  entries of the streams; foreign ones are taken away.
Next: events/relay/partition_relay.py
"""

import time
from typing import NamedTuple

from events.conf import conf
from events.exceptions import Diverged, ForeignEntries, StreamUnavailable, UnknownSigningKey
from events.log.partitions import forget_layout, partition_count
from events.measuring.catalogue import RELAY_FAILURES
from events.models import Partition
from events.relay import signing_keys
from events.relay.flush import give_positions_without_redis
from events.relay.inspection import Inspection
from events.relay.partition_relay import PartitionRelay
from events.relay.repair import repair_middle
from events.stream.interface import Stream

STANDSTILLS = (Diverged, ForeignEntries, UnknownSigningKey)
"""What stops the relay in one partition while it serves the others."""
AWAY_SECONDS = 5.0
"""How long a server that did not answer is left alone, if there are others: to ask it keeps those waiting."""


class Turn(NamedTuple):
    """The outcome of a turn: whether there may be more to relay at once, and what stops partitions."""

    has_more: bool
    problems: list[str]


class Relay:
    """The work of `manage.py relay_events`."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._inspections: dict[int, Inspection] = {}
        self._inspect_at = 0.0
        self._key_problems: list[str] = []
        self._partitions: dict[int, PartitionRelay] = {}
        self._away: dict[str, tuple[float, StreamUnavailable]] = {}
        """Until when each server is left alone, and why."""

    def take_turn(self) -> Turn:
        """Relay a batch of each partition, and inspect a part of each stream once in an interval of the relay.

        Raise PartitionsMissing, or StreamUnavailable if no server answers.
        """
        is_due = time.monotonic() >= self._inspect_at
        if is_due:
            self._inspect_at = time.monotonic() + conf.relay_interval_seconds
            self._key_problems = _key_problems()
        has_more, problems, away = False, [*self._key_problems], dict[int, StreamUnavailable]()
        partitions = range(partition_count())  # While they are served, this process may learn of others.
        for partition in partitions:
            try:
                has_more |= self._relay(partition, is_due=is_due)
            except Partition.DoesNotExist:  # The log was restored from a backup that did not have it yet.
                forget_layout()
            except STANDSTILLS as error:
                RELAY_FAILURES.add(1, "stopped")
                problems.append(str(error))
            except StreamUnavailable as error:
                away[partition] = error
        if len(away) == len(partitions):
            self._away.clear()
            raise away[0]
        if away:
            RELAY_FAILURES.add(1, "stream")
            has_more |= give_positions_without_redis(away)
        return Turn(has_more, [*problems, *{str(error) for error in away.values()}])

    def _relay(self, partition: int, *, is_due: bool) -> bool:
        """Relay a batch; tell whether there may be more. Raise STANDSTILLS or StreamUnavailable."""
        server = self._stream.server_of(partition)
        until, why = self._away.get(server, (0.0, None))
        if why and time.monotonic() < until:
            raise why
        try:
            has_more = self._partition(partition).relay_next()
            if is_due:
                self._inspect(partition)
        except StreamUnavailable as error:
            self._away[server] = time.monotonic() + AWAY_SECONDS, error
            raise
        self._away.pop(server, None)
        return has_more

    def _partition(self, number: int) -> PartitionRelay:
        if number not in self._partitions:
            self._partitions[number] = PartitionRelay(self._stream, number)
        return self._partitions[number]

    def _inspect(self, partition: int) -> None:
        if partition not in self._inspections:
            self._inspections[partition] = Inspection(self._stream, partition)
        if found := self._inspections[partition].count_foreign():
            repair_middle(self._stream, partition, found=found)


def _key_problems() -> list[str]:
    try:
        signing_keys.expect_known()
    except UnknownSigningKey as error:
        return [str(error)]
    return []
