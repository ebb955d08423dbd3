"""An operator's actions on dead letters, and their execution by the partition's owner."""

import msgspec
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from events import log
from events.dead_letters.actions import Outcome, ReasonMissing, delete, discard, edit, retry
from events.dead_letters.parking import fail
from events.dead_letters.payload_edits import EditRefused, draft
from events.exceptions import Unprocessable
from events.groups.checkpoint import Claim
from events.models import DeadLetter, DeadLetterAction, LogEntry
from events.testing import run_until_idle
from tests.letters import FIXED, Ordered, foreign, letter, park, rows, states, trail
from tests.things import Recorder, ThingMade

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stream")]


def handled(recorder: Recorder) -> list[int | None]:
    run_until_idle("things", recorder)
    return recorder.positions


def test_a_retried_letter_and_those_queued_behind_it_are_handled_once_and_in_order() -> None:
    recorder = park("a", "a", "a")
    assert states() == ["parked", "queued", "queued"]

    assert retry(DeadLetter.objects.filter(position=1), "ada") == Outcome(done=1)

    assert states() == ["retry", "queued", "queued"]
    assert handled(recorder) == [1, 2, 3]
    assert handled(recorder) == [1, 2, 3]
    assert states() == ["handled"] * 3
    assert trail() == [("parked", "consumer", "no"), ("retry", "ada", ""), ("handled", "consumer", "")]


def test_the_trail_of_deleted_letters_stays_and_says_what_they_were_about() -> None:
    park("a")
    number, event = letter().id, letter().event_id

    delete(DeadLetter.objects.all(), actor="rebuild_readmodel")

    assert not DeadLetter.objects.exists()
    kept = DeadLetterAction.objects.values_list("letter_id", "action", "actor", "detail")
    assert list(kept) == [
        (number, "parked", "consumer", "no"),
        (number, "deleted", "rebuild_readmodel", f"thing.made a, parked by things, target none, event {event}"),
    ]


def test_letters_queued_behind_a_discarded_one_follow() -> None:
    recorder = park("a", "a", "a")

    assert discard([letter().id], "ada", reason=" sold elsewhere ") == Outcome(done=1)

    assert states() == ["discarded", "queued", "queued"]
    assert handled(recorder) == [2, 3]
    assert trail() == [("parked", "consumer", "no"), ("discarded", "ada", "sold elsewhere")]


def test_any_open_letter_can_be_discarded() -> None:
    park("a", "a", "b")
    retry([letter(3).id], "ada")
    foreign()

    assert discard(DeadLetter.objects.all(), "ada", reason="all void") == Outcome(done=4)

    assert set(states()) == {"discarded"}


def test_only_parked_events_are_retried_and_the_others_are_counted_by_the_reason() -> None:
    recorder = park("a", "a", "b", "c", "d")
    discard([letter(3).id], "ada", reason="void")
    retry([letter(4).id], "ada")
    handled(recorder)
    retry([letter(5).id], "ada")
    foreign()

    outcome = retry([*DeadLetter.objects.values_list("id", flat=True), letter(1).id, 0], "bob")

    assert outcome.done == 1
    assert outcome.left_out == {
        "discarded already": 1,
        "foreign entries can only be discarded": 1,
        "handled already": 1,
        "marked already": 1,
        "not found": 1,
        "queued, they follow by themselves": 1,
    }
    assert outcome.sentence("marked").startswith("marked: 1; left out: 6 (discarded already: 1, ")
    assert list(DeadLetterAction.objects.filter(actor="bob").values_list("letter__position", "action")) == [
        (1, "retry")
    ]


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_discarding_needs_a_reason(reason: str) -> None:
    park("a")
    before = rows()

    with pytest.raises(ReasonMissing, match="Give a reason"):
        discard([letter().id], "ada", reason=reason)

    assert rows() == before


def test_closed_letters_stay_unchanged() -> None:
    recorder = park("a", "b")
    discard([letter(1).id], "ada", reason="void")
    retry([letter(2).id], "ada")
    handled(recorder)
    before = rows()

    for outcome in (retry(DeadLetter.objects.all(), "bob"), discard(DeadLetter.objects.all(), "bob", reason="again")):
        assert (outcome.done, outcome.seen) == (0, 2)

    assert rows() == before


def test_many_letters_are_changed_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    park(*[f"thing-{number}" for number in range(7)])
    monkeypatch.setattr("events.dead_letters.actions.STEP_LETTERS", 3)
    seen: list[int] = []

    with CaptureQueriesContext(connection) as queries:
        outcome = retry(DeadLetter.objects.all(), "ada", on_step=lambda so_far: seen.append(so_far.seen))

    assert seen == [3, 6, 7]
    assert outcome == Outcome(done=7)
    assert len([query for query in queries if query["sql"].startswith("UPDATE")]) == 3
    assert states() == ["retry"] * 7


def test_a_letter_discarded_during_its_retry_stays_discarded() -> None:
    park("a")
    retry([letter().id], "ada")
    tried = letter()
    discard([tried.id], "bob", reason="void")

    fail(Claim("things", "", 0, epoch=1), tried, Unprocessable("still no"))

    assert states() == ["discarded"]
    assert [action for action, _, _ in trail()] == ["parked", "retry", "discarded", "failed"]


def test_an_edited_event_is_handled_with_its_new_payload_and_the_log_keeps_its_own() -> None:
    recorder = park("a", note="broken")
    logged = LogEntry.objects.values().get()

    edit(letter(), FIXED, actor="ada")

    assert states() == ["parked"]
    assert handled(recorder) == []
    retry([letter().id], "ada")
    assert handled(recorder) == [1]
    assert recorder.handled[0].open() == ThingMade(name="a", note="mended")
    assert recorder.handled[0].id == letter().event_id
    assert LogEntry.objects.values().get() == logged
    assert [action for action, _, _ in trail()] == ["parked", "edited", "retry", "handled"]
    assert trail()[1][2].splitlines()[-3:] == ['-  "note": "broken"', '+  "note": "mended"', " }"]


def test_an_edit_can_retry_at_once() -> None:
    recorder = park("a")

    edit(letter(), FIXED, actor="ada", retry=True)

    assert handled(recorder) == [1]
    assert [action for action, _, _ in trail()] == ["parked", "edited", "retry", "handled"]


def old_move(data: str) -> None:
    """Record a move as an older release wrote it, and let it be parked."""
    park("a")
    LogEntry.objects.update(type="thing.moved", schema_version=1, data=data)
    DeadLetter.objects.update(type="thing.moved")


def test_a_retry_upcasts_an_old_event() -> None:
    old_move('{"label": "a", "version": 1}')
    recorder = Ordered()
    retry([letter().id], "ada")

    handled(recorder)

    assert recorder.handled[0].open().subject == "a"


def test_an_old_event_is_edited_in_the_current_version() -> None:
    old_move('{"label": "a", "version": 1, "note": "old"}')
    recorder = Ordered()
    proposed = draft(log.read_event(LogEntry.objects.get().event_id))
    assert msgspec.json.decode(proposed) == {"name": "a", "version": 1, "note": "old"}

    edit(letter(), proposed.replace("old", "new"), actor="ada", retry=True)
    handled(recorder)

    assert (letter().edited_version, recorder.handled[0].open().note) == (2, "new")


def test_the_draft_of_a_payload_that_no_upcaster_can_convert_is_unchanged() -> None:
    old_move('{"tag":"a"}')

    assert draft(log.read_event(LogEntry.objects.get().event_id)) == '{\n  "tag": "a"\n}'


@pytest.mark.parametrize(
    ("data", "problems"),
    [
        ('{"name": "b"}', {"subject": "it must stay 'a', but this payload has 'b'"}),
        ('{"name": "a", "version": 2}', {"aggregate version": "it must stay 1, but this payload has 2"}),
        (
            '{"name": 1, "version": "x"}',
            {"$.name": "Expected `str`, got `int`", "$.version": "Expected `int`, got `str`"},
        ),
        ('{"note": ""}', {"$.name": "it is missing"}),
        ('{"name": "a", "nota": ""}', {"$.nota": "there is no such field; the fields are name, version, note"}),
        ('{"name": "a"', {"$": "not JSON: Expecting ',' delimiter in line 1, column 13"}),
        ("[]", {"$": "Expected `object`, got `array`"}),
        ("", {"$": "not JSON: Expecting value in line 1, column 1"}),
        ('{"name": "a", "version": NaN}', {"$.version": "Expected `int`, got `float`"}),
    ],
)
def test_a_payload_that_does_not_fit_is_refused_and_changes_nothing(data: str, problems: dict[str, str]) -> None:
    park("a")
    before = rows()

    with pytest.raises(EditRefused) as refused:
        edit(letter(), data, actor="ada", retry=True)

    assert refused.value.problems == problems
    assert rows() == before


def test_a_payload_that_is_too_large_is_refused(settings: Settings) -> None:
    park("a")
    settings.EVENTS_MAX_EVENT_BYTES = 20

    with pytest.raises(EditRefused, match="EVENTS_MAX_EVENT_BYTES is 20"):
        edit(letter(), FIXED, actor="ada")


def test_only_a_parked_event_can_be_edited() -> None:
    park("a", "a", "b", "c")
    retry([letter(3).id], "ada")
    discard([letter(4).id], "ada", reason="void")
    before = rows()

    for position, why in ((2, "it is queued"), (3, "it is marked to be retried"), (4, "it was discarded")):
        with pytest.raises(EditRefused, match=why):
            edit(letter(position), FIXED, actor="ada")

    assert rows() == before


def test_a_foreign_entry_can_not_be_edited() -> None:
    with pytest.raises(EditRefused, match="foreign entries can only be discarded"):
        edit(foreign(), FIXED, actor="ada")


def test_an_event_without_a_class_can_not_be_edited() -> None:
    park("a")
    LogEntry.objects.update(type="thing.lost")

    with pytest.raises(EditRefused, match="no event class is registered as 'thing.lost'"):
        edit(letter(), FIXED, actor="ada")


def test_an_event_that_is_no_longer_in_the_log_can_not_be_edited() -> None:
    park("a")
    LogEntry.objects.all().delete()

    with pytest.raises(EditRefused, match="the log has no event"):
        edit(letter(), FIXED, actor="ada")
