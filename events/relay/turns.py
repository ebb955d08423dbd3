"""Serve all partitions in turn, a batch of each: neither a backlog nor steady traffic keeps others waiting.

In:   committed rows of the log.
Out:  entries of the streams; foreign ones are taken away.
Next: events/relay/flush.py
"""

import time
from typing import NamedTuple

from events.conf import conf
from events.exceptions import Diverged, ForeignEntries, UnknownSigningKey
from events.log.partitions import partition_count
from events.measuring.catalogue import RELAY_FAILURES
from events.relay import signing_keys
from events.relay.flush import relay_batch
from events.relay.inspection import Inspection
from events.relay.repair import repair_middle
from events.stream.interface import Stream
from events.stream.tail import Tail

STANDSTILLS = (Diverged, ForeignEntries, UnknownSigningKey)
"""What stops the relay in one partition while it serves the others."""


class Turn(NamedTuple):
    """The outcome of a turn: whether there may be more to relay at once, and what stops partitions."""

    has_more: bool
    problems: list[str]


class Relay:
    """The work of `manage.py relay_events`."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._inspections: list[Inspection] = []
        self._inspect_at = 0.0
        self._key_problems: list[str] = []
        self._ends: dict[int, Tail] = {}
        """Where the last batch has left each stream."""

    def take_turn(self) -> Turn:
        """Relay a batch of each partition, and inspect a part of each stream once in an interval of the relay.

        Raise StreamUnavailable or PartitionsMissing.
        """
        is_due = time.monotonic() >= self._inspect_at
        if is_due:
            self._inspect_at = time.monotonic() + conf.relay_interval_seconds
            self._key_problems = _key_problems()
        has_more, problems = False, [*self._key_problems]
        for partition in range(partition_count()):
            try:
                relayed = relay_batch(self._stream, partition, known_end=self._ends.pop(partition, None))
                if relayed.end:
                    self._ends[partition] = relayed.end
                has_more |= relayed.events > 0
                if is_due:
                    self._inspect(partition)
            except STANDSTILLS as error:
                RELAY_FAILURES.add(1, "stopped")
                problems.append(str(error))
        return Turn(has_more, problems)

    def _inspect(self, partition: int) -> None:
        if not self._inspections:
            self._inspections = [Inspection(self._stream, number) for number in range(partition_count())]
        if found := self._inspections[partition].count_foreign():
            repair_middle(self._stream, partition, found=found)


def _key_problems() -> list[str]:
    try:
        signing_keys.expect_known()
    except UnknownSigningKey as error:
        return [str(error)]
    return []
