"""The admin in a real browser: it keeps its policy, is accessible in the light and in the dark, and fits a phone."""

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse

from events.models import DeadLetter, LogEntry
from events.stream.interface import Stream
from tests.browser.visitor import PHONE, Visitor
from tests.letters import foreign
from tests.tickets import FIELDS, issue
from tickets.models import Ticket


@pytest.fixture
def pages(stream: Stream) -> list[str]:
    replaced = issue(title="حفلة موسيقية", holder_name="محمد بن عبد الله")
    replacement = replaced.cancel("Sold back")
    foreign()
    Group.objects.get_or_create(name="ushers")
    event = LogEntry.objects.latest("id").id
    return [
        reverse("admin:index"),
        reverse("admin:tickets_ticket_changelist"),
        reverse("admin:tickets_ticket_change", args=[replaced.id]),
        *(reverse(f"admin:tickets_ticket_{name}", args=[replacement.id]) for name in ("cancel", "check_in")),
        reverse("admin:tickets_ticket_add"),
        reverse("admin:events_logentry_changelist"),
        reverse("admin:events_logentry_change", args=[event]),
        reverse("admin:events_logentry_way", args=[event]),
        reverse("admin:events_deadletter_change", args=[DeadLetter.objects.get().id]),
        reverse("admin:operations"),
        reverse("admin:forgetting"),
        reverse("admin:accounts_token_add"),
        reverse("admin:auth_group_add"),
    ]


def test_its_pages_are_accessible_fit_a_phone_and_have_nothing_to_complain_of(
    visitor: Visitor, pages: list[str]
) -> None:
    visitor.resize(*PHONE)
    visitor.complaints()
    wrong: dict[str, object] = {}
    for page in pages:
        visitor.open(page)
        visitor.sees(lambda page: page.find("#content").is_displayed())
        found = visitor.violations() + visitor.complaints() + [f"wide: {visitor.width}"] * (visitor.width > PHONE[0])
        if found:
            wrong[page] = found

    assert wrong == {}


@pytest.mark.usefixtures("stream")
def test_expressions_of_the_theme_work_without_eval(visitor: Visitor) -> None:
    Ticket.issue_many([FIELDS] * 51)
    visitor.open(reverse("admin:tickets_ticket_changelist"))

    visitor.click("input.action-select")
    visitor.sees(lambda page: page.find(".changelist-actions select").is_displayed())
    visitor.click(".filter-open-button")
    visitor.sees(lambda page: page.find("#id_venue").is_displayed())
    visitor.open(reverse("admin:tickets_ticket_changelist"))
    visitor.click("a.end")

    visitor.sees(lambda page: page.parameters == {"p": ["2"]})
    assert visitor.complaints() == []
