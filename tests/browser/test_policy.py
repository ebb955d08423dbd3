"""Each page obeys the Content-Security-Policy: the browser has nothing to complain of, and blocks what is injected."""

import json
from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.urls import NoReverseMatch, reverse

from events.models import DeadLetter
from events.stream.interface import Stream
from tests.browser.visitor import Visitor
from tests.letters import foreign
from tests.tickets import issue

INJECT = "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 1'}))"


def pages_of_the_admin() -> Iterator[str]:
    yield from (reverse(f"admin:{name}") for name in ("index", "password_change", "events_deadletter_by_error"))
    yield reverse("admin:events_deadletter_edit", args=[DeadLetter.objects.get().id])
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield reverse(f"{name}_changelist")
        first = model._default_manager.first()
        if first is not None:
            yield from (reverse(f"{name}_{page}", args=[first.pk]) for page in ("change", "history"))
        try:
            yield reverse(f"{name}_add")
        except NoReverseMatch:
            continue


@pytest.fixture
def _something_to_show(visitor: Visitor, stream: Stream) -> None:
    issue()
    foreign()
    Group.objects.create(name="ushers")


@pytest.mark.usefixtures("_something_to_show")
def test_no_page_of_the_admin_asks_for_what_its_policy_forbids(visitor: Visitor) -> None:
    visitor.complaints()
    complaints = {}
    for page in pages_of_the_admin():
        visitor.open(page)
        complaints[page] = [text for text in visitor.complaints() if "Content Security Policy" in text]

    assert len(complaints) > 20
    assert {page: found for page, found in complaints.items() if found} == {}


def test_the_documentation_of_the_api_works_under_its_policy(visitor: Visitor) -> None:
    visitor.open("/api/docs/")

    visitor.sees(lambda page: "Tickets" in page.text(".info .title"))
    assert len(visitor.texts(".opblock")) > 8
    assert visitor.complaints() == []


def test_redoc_works_with_files_of_ours_alone(visitor: Visitor) -> None:
    visitor.open("/api/redoc/")

    visitor.sees(lambda page: "Issue a ticket, or up to 1,000" in page.text("redoc"))
    forbidden = [text for text in visitor.complaints() if "Content Security Policy" in text]
    assert [text for text in forbidden if "logo-mini.svg" not in text] == []  # The logo of Redoc's makers is not shown.


@pytest.mark.parametrize("page", ["/", "/admin/", "/admin/login/", "/api/docs/", "/nowhere/"])
def test_an_injected_script_does_not_run(visitor: Visitor, page: str) -> None:
    visitor.open(page)
    visitor.complaints()

    visitor.chrome.execute_script(INJECT)

    assert visitor.chrome.execute_script("return window.ran") is None
    assert json.dumps(visitor.complaints()).count("Content Security Policy") == 1
