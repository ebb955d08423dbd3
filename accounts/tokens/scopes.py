"""The scopes of a token: each allows some calls, of those that the user's permissions allow."""

from collections.abc import Iterable

SCOPES = {
    "tickets:read": "list and show tickets",
    "tickets:write": "issue and correct tickets",
    "tickets:cancel": "cancel tickets",
    "tickets:reinstate": "reinstate cancelled tickets",
    "tickets:check-in": "check tickets in",
    "tickets:undo-check-in": "undo check-ins",
    "search": "search tickets",
    "events:read": "read the log of events",
    "metrics:read": "read the metrics",
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
