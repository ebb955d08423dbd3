"""The scopes of a token: each allows some calls, of those that the user's permissions allow."""

from collections.abc import Iterable

from django.utils.translation import gettext_lazy as _

SCOPES = {
    "tickets:read": _("list and show tickets"),
    "tickets:write": _("issue and correct tickets"),
    "tickets:cancel": _("cancel tickets"),
    "tickets:reinstate": _("reinstate cancelled tickets"),
    "tickets:check-in": _("check tickets in"),
    "tickets:undo-check-in": _("undo check-ins"),
    "search": _("search tickets"),
    "events:read": _("read the log of events"),
    "metrics:read": _("read the metrics"),
}
BY_PERMISSION = {
    "tickets.view_ticket": "tickets:read",
    "tickets.add_ticket": "tickets:write",
    "tickets.change_ticket": "tickets:write",
    "tickets.cancel_ticket": "tickets:cancel",
    "tickets.reinstate_ticket": "tickets:reinstate",
    "tickets.check_in_ticket": "tickets:check-in",
    "tickets.undo_check_in_ticket": "tickets:undo-check-in",
    "events.view_logentry": "events:read",
    "readmodel.view_metrics": "metrics:read",
}
"""The scope of a call that needs the permission, unless its view names another scope."""


def unknown(scopes: Iterable[str]) -> list[str]:
    return sorted(set(scopes) - SCOPES.keys())
