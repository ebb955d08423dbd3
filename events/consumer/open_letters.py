"""Leave out the events that have an open dead letter, or must wait behind one."""

from collections.abc import Sequence
from itertools import filterfalse

from events.dead_letters import parking as dead_letters
from events.envelope import Envelope
from events.groups.checkpoint import Claim


class OpenLetters:
    """The open letters of a target; only its owner parks, so where they end is asked once for each claim."""

    def __init__(self, *, ordered: bool) -> None:
        self._ordered = ordered
        self._ends: dict[Claim, int] = {}
        self._parked: set[Claim] = set()
        self._open_before: dict[Claim, bool] = {}

    def leave_out(self, claim: Claim, selected: Sequence[Envelope]) -> Sequence[Envelope]:
        """Return the events without open letter; for an ordered subscriber, queue those that must wait behind one."""
        if not selected or not self._may_be_blocked(claim, selected):
            return selected
        blocked = dead_letters.blocked(claim, selected)
        without_own = [envelope for envelope in selected if envelope.id not in blocked.own]
        if not self._ordered:
            return without_own
        if waiting := list(filter(blocked.blocks, without_own)):
            dead_letters.queue_all(claim, waiting)
        return list(filterfalse(blocked.blocks, without_own))

    def note_parked(self, claim: Claim) -> None:
        """Note that an event was parked, behind which others may have to wait."""
        self._parked.add(claim)

    def _may_be_blocked(self, claim: Claim, selected: Sequence[Envelope]) -> bool:
        if self._ordered:
            return claim in self._parked or self._end(claim) > 0 or self._are_open_before(claim)
        return (selected[0].position or 0) <= self._end(claim)

    def _are_open_before(self, claim: Claim) -> bool:
        """Tell whether letters may be open before the partition's events; there will be no more of them."""
        if claim not in self._open_before:
            self._open_before[claim] = dead_letters.are_open_before(claim)
        return self._open_before[claim]

    def _end(self, claim: Claim) -> int:
        """Return the last position with an open letter; a group that was set back meets it again."""
        if claim not in self._ends:
            self._ends[claim] = dead_letters.last_open_position(claim)
        return self._ends[claim]
