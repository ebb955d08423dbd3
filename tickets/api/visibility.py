"""Decide what of tickets a REST caller sees: who may change one and not see it gets only its id, status and version."""

from rest_framework.request import Request

PERMISSION = "tickets.view_ticket"


def may_see_tickets(request: Request) -> bool:
    """Tell whether the user has the permission; a token with scopes needs the one for reading too."""
    permits = getattr(request.auth, "permits", None)
    return request.user.has_perm(PERMISSION) and (permits is None or permits(PERMISSION))
