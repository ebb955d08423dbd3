"""Each page in German shows no text that is not translated, whether a template, a model or a function says it.

The letters of each translated text are taken away while a page is made, so a word that is left was not translated, or
is a name.
"""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from babel import Locale
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils.translation import trans_real
from pytest_django import Settings

from accounts.models import Token
from events.admin.log_entries import aggregate_types
from events.models import DeadLetter, DeadLetterAction, LogEntry
from tests.letters import foreign, park
from tests.tickets import FIELDS, issue
from tickets.csv_import.importing import ALL_COLUMNS
from tickets.jobs.running import run
from tickets.models import Job, Ticket

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stream")]

KEPT = re.compile(r"%\(\w+\)[#.\d]*[a-z]|%[a-z%]|{[^{}]*}|<[^<>]*>|&#?\w+;")
"""Places for values, tags and entities of a translated text."""
LETTERS = re.compile(r"[^\W\d_]+")
WORD = re.compile(r"(?<![\w.:,/@'-])[^\W\d_]{2,}(?![\w/@']|[.:,-]\w)")
"""Two letters or more that are no part of an id, an address, a list or a name such as ticket.issued, nor quoted."""
OF_SERVERS = re.compile(r"(Elasticsearch|Redis) (does not answer|has not answered).*")
"""Errors, which are as in the log."""
ATTRIBUTES = {"title", "placeholder", "aria-label", "alt"}
DATA = {"code", "pre", "bdi", "textarea", "script", "style"}
"""Elements whose text is data, or is not shown."""
CHOICES_OF_NAMES = {"time_zone", "encoding"}
GERMAN = Locale("de")
DATES = [*GERMAN.days["format"]["abbreviated"].values(), *GERMAN.months["format"]["abbreviated"].values()]
NAMES = """
    Tickets API UTC esc Deutsch English Zz root Root turnstile Turnstile thing things access readmodel consumer
    Unprocessable ForeignEntry foreign box Box office POST INDEX Id search ticket tickets timeline
"""
KNOWN = {*LETTERS.findall(" ".join([NAMES, *DATES, *map(str, FIELDS.values())]))}


class Unlettered(trans_real.DjangoTranslation):
    """German whose translated texts have no letters."""

    def gettext(self, message: str) -> str:
        return without_letters(super().gettext(message)) if self._has(message) else message

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        text = super().ngettext(msgid1, msgid2, n)
        return without_letters(text) if self._has((msgid1, self.plural(n))) else text

    def _has(self, key: Any) -> bool:
        return self._catalog.get(key) is not None


def without_letters(text: str) -> str:
    kept = KEPT.findall(text)
    others = [LETTERS.sub("·", part) for part in KEPT.split(text)]
    return "".join(part for pair in zip(others, [*kept, ""], strict=True) for part in pair)


class Shown(HTMLParser):
    """Collects the texts that a page shows or reads aloud, but for data and for what is marked as English."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._left_out: list[str] = []
        """The element that is left out, and those of the same name in it."""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if self._left_out:
            self._left_out += [tag] * (tag == self._left_out[0])
        elif tag in DATA or given.get("lang") == "en" or _is_icon_or_names(tag, given):
            self._left_out.append(tag)
        else:
            self.texts += [value for name, value in given.items() if name in ATTRIBUTES]

    def handle_endtag(self, tag: str) -> None:
        if tag in self._left_out:
            self._left_out.pop()

    def handle_data(self, data: str) -> None:
        if not self._left_out:
            self.texts.append(" ".join(data.split()))


def _is_icon_or_names(tag: str, given: dict[str, str]) -> bool:
    is_choice = tag == "select" and given.get("name") in CHOICES_OF_NAMES
    return is_choice or "material-symbols" in given.get("class", "")


def untranslated(response: Any) -> list[str]:
    """Return the texts of the page that have words which are no names."""
    names = {*Ticket.objects.values_list("code", flat=True), *aggregate_types()}  # Other tests register types too.
    texts = [OF_SERVERS.sub("", text) for text in Shown(response.content.decode()).texts]
    return [text for text in texts if set(WORD.findall(text)) - KNOWN - names]


@pytest.fixture(autouse=True)
def _german_has_no_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(trans_real._translations, "de", Unlettered("de"))


@pytest.fixture(autouse=True)
def _own_list_of_the_forgotten(settings: Settings, tmp_path: Path) -> None:
    settings.EVENTS_FORGOTTEN_FILE = str(tmp_path / "forgotten")


@pytest.fixture
def client() -> Client:
    """A client of a superuser who reads German."""
    client = Client(headers={"Accept-Language": "de"})
    client.force_login(User.objects.create_superuser("root", password="x"))
    return client


TICKETS, LETTERS_LIST = "/admin/tickets/ticket/", "/admin/events/deadletter/"
LISTS = (
    TICKETS,
    "/admin/tickets/job/",
    "/admin/events/logentry/",
    LETTERS_LIST,
    "/admin/events/deadletteraction/",
    "/admin/auth/user/",
    "/admin/auth/group/",
    "/admin/accounts/token/",
)
PAGES = (
    "/admin/",
    *LISTS,
    "/admin/tickets/ticket/add/",
    "/admin/tickets/ticket/import/",
    "/admin/auth/user/add/",
    "/admin/auth/group/add/",
    "/admin/accounts/token/add/",
    "/admin/events/deadletter/by-error/",
    "/admin/operations/",
    "/admin/operations/groups/readmodel/pause/",
    "/admin/forgetting/",
    "/admin/forgetting/report/",
    "/",
    "/?price=abc",
    "/lookup/",
    "/gate/",
    "/nothing-here/",
    "/password/",
    "/second-factor/",
)
"""Those without rows, too: the lists say so."""


def pages_of_tickets() -> Iterator[str]:
    issued, used, replaced, void = issue(), issue(), issue(), issue()
    used.check_in()
    tickets = [issued, used, replaced, void, replaced.cancel("Zz")]
    void.void()
    yield from (f"{TICKETS}{ticket.id}/change/" for ticket in tickets)
    yield from (f"{TICKETS}{issued.id}/{change}/" for change in ("check-in", "correct", "cancel", "void"))
    yield f"{TICKETS}{used.id}/undo-check-in/"
    yield f"{TICKETS}{void.id}/reinstate/"


def pages_of_other_rows() -> Iterator[str]:
    park("a", error="Zz")
    rows = (foreign(), *DeadLetterAction.objects.all(), *DeadLetter.objects.all(), User.objects.get())
    token = Token.issue(user=User.objects.get(), name="turnstile", scopes=["search"])
    for row in (*rows, token, LogEntry.objects.latest("id"), Group.objects.get_or_create(name="box office")[0]):
        yield f"/admin/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/change/"
    yield f"{LETTERS_LIST}{DeadLetter.objects.latest('id').id}/edit/"
    yield f"/admin/events/logentry/{LogEntry.objects.latest('id').id}/way/"
    yield f"/admin/auth/user/{User.objects.get().id}/password/"


def test_each_page_is_translated(client: Client) -> None:
    found = {}
    for path in [*PAGES, *pages_of_tickets(), *pages_of_other_rows(), *LISTS]:
        found[path] = untranslated(client.get(path))

    assert {path: texts for path, texts in found.items() if texts} == {}


def work_off() -> str:
    """Run the newest job, and return its page."""
    job = Job.objects.latest("id")
    run(job.id, job.task_id)
    return f"/admin/tickets/job/{job.id}/change/"


def answers_about_jobs(client: Client) -> Iterator[Any]:
    ticket = issue()
    asked = client.post(TICKETS, {"action": "cancel_selected", "_selected_action": [str(ticket.id)]})
    yield client.get(asked.url)
    ticket.check_in()
    client.post(asked.url, {"confirmed": "yes"})
    yield client.get(work_off())
    header = f"{';'.join(ALL_COLUMNS)}\r\n"
    row = "A1;Café;Halle;01.05.27 20:00;;;jose;49,90;EUR;issued;Europe/Berlin\r\n"
    for content in ("code;x\n1;2", header + row):
        answer = client.post(f"{TICKETS}import/", {"file": SimpleUploadedFile("x.csv", content.encode("cp1252"))})
        yield client.get(work_off()) if answer.status_code == 302 else answer
    yield client.get("/admin/tickets/job/")


def answers_about_dead_letters(client: Client) -> Iterator[Any]:
    park("a", error="Zz")
    letter = DeadLetter.objects.get()
    chosen = {"_selected_action": [letter.id]}
    for payload in ("{}", '{"name": "b", "version": 2}', f'{{"name": "a", "version": 1, "note": {"[" * 9999}'):
        yield client.post(f"{LETTERS_LIST}{letter.id}/edit/", {"payload": payload})
    for action in ({"action": "retry_selected"}, {"action": "discard_selected"}):
        yield client.post(LETTERS_LIST, {**chosen, **action}, follow=True)
    yield client.post(LETTERS_LIST, {**chosen, "action": "discard_selected", "reason": "Zz", "up_to": 99}, follow=True)
    yield client.post(f"{LETTERS_LIST}?state=any", {**chosen, "action": "retry_selected"}, follow=True)
    yield client.get(f"{LETTERS_LIST}{letter.id}/edit/", follow=True)


def answers_about_persons(client: Client) -> Iterator[Any]:
    issue()
    yield client.post(f"{TICKETS}add/", {"code": "ü", "starts_at_0": "x", "price": "x"})
    tokens = "/admin/accounts/token/"
    yield client.post(f"{tokens}add/", {"expires_at_0": "2020-01-01", "expires_at_1": "20:00"})
    yield client.post(f"{tokens}add/", {"name": "turnstile", "user": User.objects.get().id})
    chosen = {"action": "revoke_selected", "_selected_action": [Token.objects.get().id]}
    yield client.post(tokens, chosen, follow=True)
    yield client.post("/admin/operations/groups/readmodel/pause/", {"confirmed": "yes"}, follow=True)
    for person in ("Zz", "jose@example.org"):
        yield client.post("/admin/forgetting/report/" if person == "Zz" else "/admin/forgetting/", {"person": person})
    yield client.post("/password/", {})
    yield client.delete("/language/")
    stranger = Client(headers={"Accept-Language": "de"})
    yield stranger.get("/log-in/")
    yield stranger.post("/log-in/", {"username": "root", "password": "y"})
    yield client.post("/admin/forgetting/", {"person": "jose@example.org", "confirmed": "yes"})


@pytest.mark.parametrize("answers", [answers_about_jobs, answers_about_dead_letters, answers_about_persons])
def test_what_is_said_to_a_form_or_by_a_job_is_translated(client: Client, answers: Any) -> None:
    assert [texts for answer in answers(client) if (texts := untranslated(answer))] == []
