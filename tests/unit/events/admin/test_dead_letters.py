"""The dead letters in the admin: its pages, and the permissions."""

import re
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import resolve, reverse

from events.models import DeadLetter, LogEntry
from events.testing import run_until_idle
from tests.letters import FIXED, foreign, letter, park, rows, states, trail
from tests.permitted import permit

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stream")]

LIST = "/admin/events/deadletter/"
VIEW, RETRY, EDIT, DISCARD = (f"{action}_deadletter" for action in ("view", "retry", "edit", "discard"))
READ = "view_logentry"
TRAIL, ACTION = "/admin/events/deadletteraction/", "view_deadletteraction"
ACTIONS = {"retry_selected": RETRY, "discard_selected": DISCARD}


def client_with(*permissions: str, name: str = "grace") -> Client:
    user = User.objects.create_user(name, is_staff=True)
    permit(user, *permissions)
    client = Client()
    client.force_login(user)
    return client


def page_of(position: int = 1) -> str:
    return f"{LIST}{letter(position).id}/change/"


def edit_page_of(position: int = 1) -> str:
    return f"{LIST}{letter(position).id}/edit/"


def act(client: Client, action: str, *letters: DeadLetter, **more: Any) -> Any:
    """Run an action on letters of the list."""
    chosen = {"action": action, "index": 0, "_selected_action": [letter.id for letter in letters]}
    return client.post(f"{LIST}?state=any", chosen | more, follow=True)


def act_on_page(client: Client, action: str, **more: Any) -> Any:
    """Run an action on the first letter's page."""
    chosen = {"CHANGE_FORM-action": action, "index": 0, "_selected_action": letter().id}
    return client.post(page_of(), chosen | more, follow=True)


def text(response: Any) -> str:
    return unescape(response.content.decode())


def listed(client: Client, **filters: str) -> list[int]:
    """Return the ids of the letters that are listed."""
    page = client.get(LIST, filters).content.decode()
    return [int(found) for found in re.findall(r'name="_selected_action" value="(\d+)"', page)]


def test_open_letters_are_listed_unless_another_state_is_asked_for() -> None:
    client = client_with(VIEW, RETRY)
    park("a", "a", "b")
    DeadLetter.objects.filter(position=3).update(state="discarded")

    assert listed(client) == [letter(2).id, letter(1).id]
    assert listed(client, state="discarded") == [letter(3).id]
    assert listed(client, state="any") == [letter(3).id, letter(2).id, letter(1).id]


def test_the_list_loads_no_long_columns_and_needs_the_same_queries_for_any_number() -> None:
    client = client_with(VIEW, RETRY)
    counts = []
    for names in ("a", "bcd"):
        park(*names)
        with CaptureQueriesContext(connection) as queries:
            client.get(LIST)
        counts.append(len(queries))
        assert not [query for query in queries if re.search("edited_data|traceback", query["sql"])]

    assert counts[0] == counts[1]


def test_the_list_is_filtered_and_searched() -> None:
    client = client_with(VIEW, READ, RETRY)
    park("a", "b", "c")
    DeadLetter.objects.filter(position=1).update(group="others")
    DeadLetter.objects.filter(position=2).update(error_type="ValueError", error="a bug")

    assert listed(client, group="others") == [letter(1).id]
    assert listed(client, error_type="ValueError") == [letter(2).id]
    assert listed(client, type="thing.moved") == []
    assert listed(client, q="a bug") == [letter(2).id]
    assert listed(client, q=str(letter(3).event_id)) == [letter(3).id]


def test_who_may_not_see_errors_and_payloads_guesses_none_by_the_address_of_the_list() -> None:
    park("a", error="secret")
    client = client_with(VIEW)

    assert client.get(LIST, {"error__startswith": "s"}).status_code == 400
    assert client.get(LIST, {"edited_data__contains": "a"}).status_code == 400
    assert client.get(LIST, {"error_type": "Unprocessable"}).status_code == 200


@pytest.mark.parametrize("sought", ["x", "'\"", "9" * 20, "9" * 5_000, "²", "-"])
def test_the_trail_is_searched_by_anything(sought: str) -> None:
    client = client_with(ACTION)

    assert client.get(TRAIL, {"q": sought}).context["cl"].result_count == 0


def test_the_trail_is_searched_by_number_and_by_who_acted() -> None:
    park("a")
    client = client_with(VIEW, RETRY, ACTION)
    act(client, "retry_selected", letter(1))

    assert client.get(TRAIL, {"q": f" {letter(1).id} "}).context["cl"].result_count == 2
    assert client.get(TRAIL, {"q": "Grace"}).context["cl"].result_count == 1


def test_letters_are_counted_by_error_and_each_count_leads_to_them() -> None:
    client = client_with(VIEW, RETRY)
    park("a", "a", "b")
    foreign()

    page = client.get(f"{LIST}by-error/").content.decode()

    links = re.findall(r'<a href="(\S+\?\S+)">(\d+)</a>', page)
    assert [int(count) for _, count in links] == [2, 1, 1]
    for link, count in links:
        followed = client.get(unescape(link)).content.decode()
        assert followed.count('name="_selected_action"') == int(count)


def test_the_page_shows_all_that_belongs_to_a_letter() -> None:
    client = client_with(VIEW, EDIT, READ)
    park("a", "a", note="<b>שלום</b> 🎫 \u202e", error="<script>")
    client.post(edit_page_of(), {"payload": FIXED})

    response = client.get(page_of())

    page = response.content.decode()
    assert "&quot;note&quot;: &quot;&lt;b&gt;שלום&lt;/b&gt; 🎫 \\u202e&quot;" in page
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    assert '<div class="added">+  &quot;note&quot;: &quot;mended&quot;</div>' in page
    assert "events.exceptions.Unprocessable: &lt;script&gt;" in page
    assert "Queued behind it: 1" in page
    assert f'href="{page_of(2)}"' in page
    assert reverse("admin:events_logentry_change", args=[LogEntry.objects.get(place__position=1).id]) in page
    assert [action.action for action, _ in response.context["trail"]] == ["edited", "parked"]
    assert 'name="_save"' not in page


def test_who_may_not_view_the_log_sees_no_payload_no_error_and_no_trail() -> None:
    client = client_with(VIEW, EDIT, RETRY)
    park("a", note="of Ada Lovelace", error="no mail to ada@example.org")
    editor = client_with(VIEW, EDIT, READ, name="ada")
    assert editor.post(edit_page_of(), {"payload": FIXED}).status_code == 302

    pages = [client.get(path) for path in (LIST, page_of())]

    assert [page.status_code for page in pages] == [200] * 2
    assert not [word for page in pages for word in ("Lovelace", "example.org") if word in text(page)]
    assert client.get(edit_page_of()).status_code == 403
    assert listed(client, q="lovelace") == listed(client, q="ada@example.org") == []


def test_a_large_payload_is_cut_and_says_so() -> None:
    client = client_with(VIEW, READ)
    park("a", note="x" * 900_000)

    response = client.get(page_of())

    assert "[cut: 900,0" in response.content.decode()
    assert len(response.content) < 120_000


def test_a_foreign_entry_and_a_lost_event_are_shown_too() -> None:
    client = client_with(VIEW, READ, EDIT)
    park("a")
    DeadLetter.objects.update(event_id="00000000-0000-0000-0000-000000000001")

    assert '"what": "<b>"' in text(client.get(f"{LIST}{foreign().id}/change/"))
    assert "This event is no longer in the log." in text(client.get(page_of()))
    assert "the log has no event" in text(client.get(edit_page_of(), follow=True))


def test_actions_without_permission_are_not_offered() -> None:
    park("a")
    client = client_with(VIEW)

    page = client.get(page_of()).content.decode() + client.get(LIST).content.decode()

    for offer in ("retry_selected", "discard_selected", "/edit/", "delete_selected", "In the log"):
        assert offer not in page


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("send", [act, act_on_page], ids=["list", "page"])
def test_an_action_without_its_permission_is_refused_and_changes_nothing(action: str, send: Any) -> None:
    park("a")
    others = {VIEW, RETRY, EDIT, DISCARD, "change_deadletter", "delete_deadletter"} - {ACTIONS[action]}
    client = client_with(*others)
    before = rows()
    letters = [letter()] if send is act else []

    assert send(client, action, *letters, reason="void", up_to=10**9).status_code == 403

    assert rows() == before


@pytest.mark.parametrize("permissions", [{VIEW, RETRY, DISCARD, "change_deadletter"}, {EDIT, RETRY}])
def test_editing_without_its_permission_is_refused_and_changes_nothing(permissions: set[str]) -> None:
    park("a")
    client = client_with(*permissions)
    before = rows()

    assert client.get(edit_page_of()).status_code == 403
    assert client.post(edit_page_of(), {"payload": FIXED}).status_code == 403

    assert rows() == before


def test_an_edit_may_retry_only_with_that_permission_too() -> None:
    park("a")
    client = client_with(VIEW, EDIT)
    before = rows()

    assert client.post(edit_page_of(), {"payload": FIXED, "retry": "on"}).status_code == 403

    assert rows() == before
    assert 'name="retry"' not in client.get(edit_page_of()).content.decode()


def test_without_permission_to_view_nothing_is_shown() -> None:
    park("a")
    client = client_with(RETRY, DISCARD, EDIT)

    for page in (LIST, f"{LIST}by-error/", page_of(), edit_page_of()):
        assert client.get(page).status_code == 403


def test_nobody_can_add_change_or_delete_letters() -> None:
    park("a")
    client = client_with(VIEW, "add_deadletter", "change_deadletter", "delete_deadletter")
    before = rows()

    for page in (f"{LIST}add/", page_of(), f"{LIST}{letter().id}/delete/"):
        assert client.post(page, {"post": "yes", "state": "handled"}).status_code == 403

    assert rows() == before


@pytest.mark.parametrize("send", [act, act_on_page], ids=["list", "page"])
def test_a_letter_is_retried(send: Any) -> None:
    recorder = park("a", "a")
    client = client_with(VIEW, RETRY)

    page = text(send(client, "retry_selected", *([letter()] if send is act else [])))

    assert "Marked to be retried: 1" in page
    run_until_idle("things", recorder)
    assert recorder.positions == [1, 2]
    assert trail()[1] == ("retry", "grace", "")


def test_a_retry_reports_the_letters_that_it_leaves_out() -> None:
    park("a", "a", "b")
    client = client_with(VIEW, RETRY)

    page = text(act(client, "retry_selected", *DeadLetter.objects.all()))

    assert "Marked to be retried: 2; left out: 1 (queued, they follow by themselves: 1)" in page
    assert states() == ["retry", "queued", "retry"]


def test_exactly_the_filtered_letters_are_retried() -> None:
    park("a", "b", "c")
    DeadLetter.objects.filter(position=2).update(group="others")
    client = client_with(VIEW, RETRY)
    chosen = {"action": "retry_selected", "index": 0, "select_across": 1, "_selected_action": letter(1).id}

    client.post(f"{LIST}?group=things", chosen)

    assert states() == ["retry", "parked", "retry"]


@pytest.mark.parametrize("send", [act, act_on_page], ids=["list", "page"])
def test_discarding_shows_the_letters_and_asks_for_a_reason(send: Any) -> None:
    recorder = park("a", "a")
    client = client_with(VIEW, DISCARD)
    letters = [letter()] if send is act else []
    before = rows()

    for given in ({}, {"reason": " ", "up_to": letter().id}):
        page = send(client, "discard_selected", *letters, **given)
        assert "will never handle 1 event;" in text(page)
        assert "thing.made a, parked by things (Unprocessable)" in text(page)
        assert rows() == before
    assert "This field is required." in text(page)

    sent_again = dict(re.findall(r'type="hidden" name="(\S+)" value="(\S*)"', page.content.decode()))
    sent_again.pop("csrfmiddlewaretoken", None)
    done = client.post(page.request["PATH_INFO"], sent_again | {"reason": "sold elsewhere"}, follow=True)

    assert "Discarded: 1" in text(done)
    run_until_idle("things", recorder)
    assert states() == ["discarded", "handled"]
    assert trail()[1] == ("discarded", "grace", "sold elsewhere")


def test_letters_parked_after_the_question_are_not_discarded() -> None:
    park("a")
    client = client_with(VIEW, DISCARD)
    chosen = {"action": "discard_selected", "index": 0, "select_across": 1, "_selected_action": letter(1).id}
    seen = letter().id
    park("b")

    client.post(LIST, chosen | {"reason": "void", "up_to": seen})

    assert states() == ["discarded", "parked"]


def test_closed_letters_are_not_discarded_again() -> None:
    park("a", "b")
    DeadLetter.objects.filter(position=2).update(state="handled")
    client = client_with(VIEW, DISCARD)
    both = DeadLetter.objects.all()

    page = text(act(client, "discard_selected", *both))
    assert "1 of the selected is closed already." in page
    page = text(act(client, "discard_selected", *both, reason="void", up_to=letter(2).id))

    assert "Discarded: 1; left out: 1 (handled already: 1)" in page
    assert states() == ["discarded", "handled"]


def test_a_payload_is_edited_and_retried() -> None:
    recorder = park("a", note="broken")
    client = client_with(VIEW, READ, EDIT, RETRY)

    form = text(client.get(edit_page_of()))
    page = text(client.post(edit_page_of(), {"payload": FIXED, "retry": "on"}, follow=True))

    assert '{\n  "name": "a",\n  "version": 1,\n  "note": "broken"\n}' in form
    assert "Edited, and marked to be retried" in page
    run_until_idle("things", recorder)
    assert recorder.handled[0].data == FIXED.replace(" ", "")
    assert [entry[:2] for entry in trail()[1:3]] == [("edited", "grace"), ("retry", "grace")]


def test_a_payload_that_does_not_fit_is_shown_again_with_each_problem_at_its_field() -> None:
    park("a")
    client = client_with(VIEW, READ, EDIT)
    before = rows()

    response = client.post(edit_page_of(), {"payload": '{"name": 1, "<b>": 2}'})

    assert response.context["form"].errors["payload"] == [
        "$.<b>: there is no such field; the fields are name, version, note",
        "$.name: Expected `str`, got `int`",
    ]
    assert "&lt;b&gt;" in response.content.decode()
    assert "<b>&quot;" not in response.content.decode()
    assert '{"name": 1, "<b>": 2}' in text(response)
    assert rows() == before


def test_a_letter_that_is_not_parked_can_not_be_edited() -> None:
    park("a", "a")
    client = client_with(VIEW, READ, EDIT)
    before = rows()

    page = text(client.post(edit_page_of(2), {"payload": FIXED}, follow=True))

    assert "This dead letter can't be edited: $: it is queued" in page
    assert rows() == before
    assert client.get(f"{LIST}999999/edit/").status_code == 404


@pytest.mark.parametrize("path", [LIST, "change", "edit"])
def test_each_form_needs_a_csrf_token(path: str) -> None:
    park("a")
    user = User.objects.create_superuser("root")
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    before = rows()
    posted = {"action": "retry_selected", "CHANGE_FORM-action": "retry_selected", "payload": FIXED}

    address = path if path == LIST else f"{LIST}{letter().id}/{path}/"
    assert client.post(address, posted | {"_selected_action": letter().id}).status_code == 403

    assert rows() == before


def test_each_step_of_an_action_is_a_transaction_of_its_own() -> None:
    assert resolve(LIST).func._non_atomic_requests == {"default"}
