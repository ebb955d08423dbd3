"""Deliver to one target of a group, in order and without gaps, in the partitions that this process owns.

In:   entries of the stream, or events of the log.
Out:  batches without gaps.
Next: events/consumer/delivery.py
"""

from collections.abc import Collection, Mapping, Sequence

from events import log
from events.consumer.delivery import Delivery
from events.consumer.settling import Batch
from events.consumer.turns import next_in_turn
from events.envelope import Envelope
from events.exceptions import Diverged, LeaseLost
from events.groups import checkpoint
from events.groups.checkpoint import Claim
from events.groups.ownership import Ownership
from events.log.partitions import descendants_of
from events.measuring.catalogue import READ
from events.processes.limits import Limits
from events.relay.divergence import REMEDY, expect_undiverged
from events.subscriber import Subscriber


class Subscription:
    """One target's place in each partition. To create one opens the target; it raises what `Subscriber.open` does.

    Each method that delivers does one bounded step: a batch of one partition, or one dead letter.
    """

    def __init__(self, subscriber: Subscriber, ownership: Ownership, limits: Limits, *, waits: bool = True) -> None:
        """Without `waits` no step waits for the target, so that it delays no other."""
        self.subscriber = subscriber
        self.target = subscriber.open()
        self.delivery = Delivery(subscriber, most=limits.batch_size, waits=waits)
        self.claims: dict[int, Claim] = {}
        self.held: dict[int, Claim] = {}
        """The claims of partitions that begin later: events that come before theirs are not handled yet."""
        self._ownership = ownership
        self._limits = limits
        self._read_to: dict[int, int] = {}
        self._last_partition = -1
        self._may_have_letters: set[int] = set()

    @property
    def positions(self) -> Mapping[int, int]:
        """Return how far each partition was read."""
        return {partition: self._read_to[partition] for partition in self.claims}

    @property
    def owned(self) -> set[int]:
        """Return the partitions that were taken over."""
        return self.claims.keys() | self.held.keys()

    @property
    def places(self) -> Mapping[int, int]:
        """Return where each partition goes on that was taken over, also one that begins later."""
        return {partition: self._read_to[partition] for partition in self.owned}

    @property
    def most_events(self) -> int:
        """Return how many events a step may deliver."""
        return min(self.delivery.events, self._limits.events_left)

    def take_over(self, partition: int) -> int:
        """Start at the checkpoint of a partition that this process has acquired, and return it; raise LeaseLost."""
        claim = Claim(self._ownership.group, self.target, partition, self._ownership.epochs[partition])
        self.release(partition)
        is_held = bool(checkpoint.held_back(claim.group, claim.target, [partition]))
        (self.held if is_held else self.claims)[partition] = claim
        self._load(claim)
        return self._read_to[partition]

    def release(self, partition: int) -> None:
        """Deliver nothing more of the partition."""
        self.claims.pop(partition, None)
        self.held.pop(partition, None)

    def begin_held(self) -> None:
        """Begin the partitions before whose events all is handled by now."""
        if self.held:
            held_back = checkpoint.held_back(self._ownership.group, self.target, self.held)
            for partition in self.held.keys() - held_back:
                self.claims[partition] = self.held.pop(partition)

    def _load(self, claim: Claim) -> None:
        partition = claim.partition
        begins_at_end = self.subscriber.begins_at_end and not checkpoint.began_before(*claim[:3])
        new_at = log.last_position(partition) if begins_at_end else 0
        self._read_to[partition] = self.delivery.settled_to[partition] = checkpoint.load(claim, new_at=new_at)

    def was_moved(self, positions: Mapping[Claim, int]) -> bool:
        """Tell whether a checkpoint is not where this has left it, with nothing in flight.

        That of a partition that comes before may be another process's: a partition that has begun has to wait again.
        """
        is_elsewhere = any(self.delivery.was_moved(claim, positions) for claim in self.claims.values())
        return is_elsewhere or bool(checkpoint.held_back(self._ownership.group, self.target, self.claims))

    def settle(self) -> None:
        """Wait for what is in flight."""
        self.delivery.settle()

    def partitions_behind(self, positions: Mapping[int, int], *, least: int = 1) -> list[int]:
        """Return the partitions in which at least so many positions are left up to the given ones."""
        return [number for number in self.claims if positions.get(number, 0) - self._read_to[number] >= least]

    def deliver_from_stream(self, partition: int, envelopes: Sequence[Envelope]) -> bool:
        """Deliver those events of the stream that were not read yet; if it lacks any, deliver nothing and return False.

        Raise Diverged for events that the log does not have: the checkpoint would pass the log's own events or end.
        """
        before = self._read_to[partition]
        unread = [envelope for envelope in envelopes if position_of(envelope) > before]
        if [position_of(envelope) for envelope in unread] != list(range(before + 1, before + 1 + len(unread))):
            return False
        if unread and not log.knows(partition, position_of(unread[-1]), str(unread[-1].id)):
            raise Diverged(
                f"the stream has {unread[-1].id} at {position_of(unread[-1])}, but the log does not; {REMEDY}"
            )
        self._deliver(partition, unread)
        READ.add(len(unread), self._ownership.group, "stream")
        return True

    def deliver_from_log(self, partitions: Collection[int]) -> tuple[int, bool]:
        """Deliver the log's next batch of the partition whose turn it is; return it, and whether there was a batch.

        Raise Diverged if the log was restored.
        """
        partition = self._last_partition = next_in_turn(partitions, self._last_partition)
        expect_undiverged(partition)
        batch = log.read_after(partition, self._read_to[partition], limit=self.most_events)
        self._deliver(partition, batch)
        READ.add(len(batch), self._ownership.group, "log")
        return partition, bool(batch)

    def count_fitting(self, partition: int) -> int:
        """Return how many of the log's next events fit into one answer of the stream."""
        return log.count_fitting(partition, self._read_to[partition], limit=self._limits.batch_size)

    def look_for_letters(self, places: Collection[tuple[str, int]]) -> None:
        """Let the next steps look for dead letters to retry, where these targets and partitions are its own."""
        self._may_have_letters = {partition for partition in self.claims if (self.target, partition) in places}

    def retry_letter(self) -> bool:
        """Retry a dead letter, once nothing else is in flight; tell whether there was one."""
        while partitions := self._may_have_letters & self.claims.keys():
            self.delivery.settle()
            partition = self._last_partition = next_in_turn(partitions, self._last_partition)
            if self.delivery.retry_letter(self.claims[partition]):
                # Letters of the partitions that were split off wait for this one.
                self._may_have_letters |= self.claims.keys() & set(descendants_of(partition))
                return True
            self._may_have_letters.discard(partition)
        return False

    def _deliver(self, partition: int, batch: Batch) -> None:
        batch = batch[: self._limits.events_left]
        if not batch:
            return
        self._ownership.heartbeat_if_due()  # If the process was stopped, this notices that its leases were taken.
        if not self._ownership.owns(partition):
            raise LeaseLost
        self._read_to[partition] = position_of(batch[-1])
        self._limits.handled += len(batch)
        self.delivery.deliver(self.claims[partition], batch)


def position_of(envelope: Envelope) -> int:
    return envelope.position or 0
