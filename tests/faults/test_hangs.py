"""A handler that hangs: its process is ended, the event is parked in the end, and all others are handled."""

from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from uuid import uuid4

from events import record, unit_of_work
from events.consumer.hangs import EXIT_CODE
from events.log.reading import last_position
from events.models import Checkpoint, DeadLetter, Lease, LogEntry, Member
from events.stream.interface import Stream
from tests.faults.conftest import Start
from tests.faults.roles import hang, keep_ledger_and_hang
from tests.things import ThingMade
from tests.waiting import PATIENCE_SECONDS, wait_until


class Supervised:
    """A process that is started again whenever it ends."""

    def __init__(self, start: Start, role: Callable[..., None], *arguments: str) -> None:
        self.exit_codes: list[int | None] = []
        self._start = lambda: start(role, *arguments)
        self._process: BaseProcess = self._start()

    def has_settled_all(self) -> bool:
        """Start it again if it has ended; tell whether it has settled all events."""
        if not self._process.is_alive():
            self.exit_codes.append(self._process.exitcode)
            self._process = self._start()
        return list(Checkpoint.objects.values_list("position", flat=True)) == [last_position(0)]


def happen(*notes: str) -> None:
    """Record these events in one unit of work, so that a consumer that starts later gets them as one batch."""
    with unit_of_work():
        record(*(ThingMade(name=f"thing-{uuid4()}", note=note) for note in notes))


def test_the_event_that_hangs_is_parked_and_all_others_are_handled(
    start: Start, stream: Stream, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    happen("", "", "hang", "", "")

    supervised = Supervised(start, hang, str(journal))
    wait_until(supervised.has_settled_all)

    # The batch once, and then the event alone, twice.
    assert supervised.exit_codes == [EXIT_CODE] * 3
    assert journal.read_text().split() == ["1", "2", "1", "2", "4", "5"]
    letter = DeadLetter.objects.get()
    assert (letter.position, letter.state, letter.error_type, letter.attempts) == (3, "parked", "HandlerHung", 2)
    assert Checkpoint.objects.get().hangs == 3


def test_effects_in_our_database_happen_once_if_a_handler_hangs(
    start: Start, stream: Stream, ledger: Callable[[], list[str]]
) -> None:
    happen("", "", "hang", "", "")

    wait_until(Supervised(start, keep_ledger_and_hang).has_settled_all)

    parked = DeadLetter.objects.get(position=3).event_id
    others = LogEntry.objects.exclude(event_id=parked).values_list("event_id", flat=True)
    assert sorted(ledger()) == sorted(map(str, others))


def test_another_process_takes_over_from_a_hung_one(start: Start, stream: Stream, tmp_path: Path) -> None:
    first = start(hang, str(tmp_path / "journal"))
    wait_until(lambda: Lease.objects.exclude(member="").exists())
    happen("hang")
    wait_until(lambda: Member.objects.filter(silent_seconds__gt=0).exists())
    start(hang, str(tmp_path / "journal"))

    first.join(PATIENCE_SECONDS)
    wait_until(lambda: Checkpoint.objects.get().attempts == 2)
    start(hang, str(tmp_path / "journal"))
    happen("")

    wait_until(lambda: Checkpoint.objects.get().position == 2)
    assert first.exitcode == EXIT_CODE
    assert DeadLetter.objects.get().position == 1


def test_a_slow_handler_that_reports_progress_goes_on(start: Start, stream: Stream, tmp_path: Path) -> None:
    slow = start(hang, str(tmp_path / "journal"))
    happen("slow")

    wait_until(lambda: Checkpoint.objects.filter(position=1).exists())

    assert slow.is_alive()
    assert Checkpoint.objects.get().hangs == 0
