"""Tell each receiver, such as the access system that opens the gates, which tickets are void, replaced, or valid again.

In:   batches of events, from the consumer group `access`.
Out:  the same events, for each receiver that is on.
Next: tickets/access/receiver.py
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence

from django.db import Error
from django.utils import timezone

from events.envelope import Envelope
from events.personal_data import Leftover
from events.subscriber import Subscriber
from tickets.access import rows
from tickets.access.keeper import Keeper
from tickets.access.messages import EVENTS_OF
from tickets.access.receiver import ReceiverTarget
from tickets.models import Receiver
from tickets.webhooks.background import Background

logger = logging.getLogger(__name__)


class AccessSystem(Subscriber):
    """The group `access`. Its own target reads the stream and sends nothing; the receivers are its further targets.

    So no receiver delays another, and each has its own checkpoints, letters and pauses; see docs/adr/0023.
    """

    handles = tuple(dict.fromkeys(event for events in EVENTS_OF.values() for event in events))
    begins_at_end = True

    TARGET = "stream"

    def __init__(self) -> None:
        self._background = Background()
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._receivers: dict[str, ReceiverTarget] = {}
        self._versions: dict[str, object] = {}
        self._keeper = Keeper()

    def open(self) -> str:
        """Raise ImproperlyConfigured if the settings name an address that is not valid, or no secret for it."""
        rows.keep_settings_in_step()
        self._follow_rows()
        names = [receiver.address.name for receiver in self._receivers.values()]
        logger.info("messages are sent to %s", ", ".join(names) or "nobody: there is no receiver that is on")
        return self.TARGET

    def further_targets(self) -> Sequence[Subscriber]:
        return list(self._receivers.values())

    def has_target(self, target: str) -> bool:
        return target == self.TARGET or rows.has_target(target)

    def check(self, partitions: Collection[int]) -> None:  # noqa: ARG002 (receivers have no partitions)
        """Write what has happened since the last call, and follow the receivers' rows."""
        self._keeper.write(self._receivers.values())
        self._follow_rows()

    def select(self, batch: Sequence[Envelope]) -> Sequence[Envelope]:  # noqa: ARG002
        return ()

    def handle(self, batch: Sequence[Envelope]) -> None:
        """Do nothing: the receivers are told as further targets."""

    def examine(self) -> Iterator[tuple[str, str]]:
        return rows.faults()

    def find_effect(self, envelope: Envelope) -> str:
        return rows.effect_of(envelope.id)

    def leftovers(self) -> Iterable[Leftover]:
        """The messages have ids and versions, and nothing about the holder."""
        return ()

    def close(self) -> None:
        if self._receivers:
            self._write_last()
        for receiver in self._receivers.values():
            receiver.close()
        self._background.close()

    def _write_last(self) -> None:
        try:
            self._keeper.write(self._receivers.values())
        except Error as error:
            logger.warning("the last deliveries are not kept: %s", error)

    def _follow_rows(self) -> None:
        """Replace the receivers whose rows have changed; the others go on as they are."""
        found = rows.read()
        for target in self._receivers.keys() - {row.target for row in found}:
            self._receivers.pop(target).close()
        for row in found:
            self._follow_row(row)

    def _follow_row(self, row: Receiver) -> None:
        version = rows.version_of(row)
        if row.target not in self._receivers or self._versions[row.target] != version:
            if former := self._receivers.pop(row.target, None):
                former.close()
            turn = self._turns[row.target]
            self._receivers[row.target] = ReceiverTarget(rows.address_of(row), self._background, turn)
            self._versions[row.target] = version
        if row.next_attempt_at:
            self._receivers[row.target].rest((row.next_attempt_at - timezone.now()).total_seconds())
