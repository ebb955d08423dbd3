"""The admin's navigation: to each person, what that person may open."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _


class Page(NamedTuple):
    """A page of the admin: its icon is one of the theme's. One of the permissions opens it, if there are all others."""

    title: Any
    url_name: str
    icon: str
    permissions: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


PAGES: Sequence[tuple[Any, Sequence[Page]]] = (
    (
        _("Box office"),
        (
            Page(_("Tickets"), "admin:tickets_ticket_changelist", "confirmation_number", ("tickets.view_ticket",)),
            Page(_("Jobs"), "admin:tickets_job_changelist", "pending_actions", ("tickets.view_ticket",)),
            Page(
                _("Import"),
                "admin:tickets_ticket_import",
                "upload_file",
                ("tickets.add_ticket",),
                others=("tickets.view_ticket",),
            ),
            Page(_("Search"), "search", "search", ("tickets.view_ticket",)),
        ),
    ),
    (
        _("Events"),
        (
            Page(_("Operations"), "admin:operations", "monitoring", ("events.view_consumergroup",)),
            Page(_("Receivers"), "admin:tickets_receiver_changelist", "send", ("tickets.view_receiver",)),
            Page(_("Log"), "admin:events_logentry_changelist", "list_alt", ("events.view_logentry",)),
            Page(_("Dead letters"), "admin:events_deadletter_changelist", "report", ("events.view_deadletter",)),
            Page(
                _("Dead letters by error"),
                "admin:events_deadletter_by_error",
                "bug_report",
                ("events.view_deadletter",),
            ),
            Page(
                _("What was done to them"),
                "admin:events_deadletteraction_changelist",
                "history",
                ("events.view_deadletteraction",),
            ),
        ),
    ),
    (
        _("Persons"),
        (
            Page(_("Forget a person"), "admin:forgetting", "person_off", ("events.forget_person",)),
            Page(
                _("What is stored of a person"), "admin:forgetting_report", "folder_shared", ("events.report_person",)
            ),
        ),
    ),
    (
        _("Accounts"),
        (
            Page(_("Users"), "admin:auth_user_changelist", "person", ("auth.view_user", "auth.change_user")),
            Page(_("Groups"), "admin:auth_group_changelist", "group", ("auth.view_group", "auth.change_group")),
            Page(
                _("API tokens"),
                "admin:accounts_token_changelist",
                "key",
                ("accounts.view_token", "accounts.change_token"),
            ),
        ),
    ),
)
"""Pairs: as keys, two titles with the same translation would be one."""


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups of pages, in the theme's form."""
    allowed = [(title, [page for page in pages if _may_open(page, request)]) for title, pages in PAGES]
    links = {page.url_name: reverse(page.url_name) for _title, pages in allowed for page in pages}
    above = [link for link in links.values() if request.path.startswith(link) and link != "/"]
    open_link = max(above, key=len, default="")
    return [
        {"title": title, "separator": True, "items": [_item(page, links[page.url_name], open_link) for page in pages]}
        for title, pages in allowed
        if pages
    ]


def _item(page: Page, link: str, open_link: str) -> dict[str, Any]:
    return {"title": page.title, "icon": page.icon, "link": link, "active": link == open_link}


def _may_open(page: Page, request: HttpRequest) -> bool:
    return request.user.has_perms(page.others) and any(map(request.user.has_perm, page.permissions))
