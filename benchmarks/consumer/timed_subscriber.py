"""The read model's subscriber, which notes the time of each call and answer; imported after Django's setup."""

import time
from collections.abc import Sequence
from typing import ClassVar

from benchmarks.consumer.timed import Handled
from events.envelope import Envelope
from readmodel.subscriber import ReadModel


class TimedReadModel(ReadModel):
    handled: ClassVar[dict[str, Handled]] = {}

    def handle(self, batch: Sequence[Envelope]) -> None:
        begun_at = time.perf_counter()
        super().handle(batch)
        handled = Handled(begun_at, time.perf_counter())
        self.handled.update((envelope.subject, handled) for envelope in batch)
