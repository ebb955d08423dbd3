"""Make problem details (RFC 9457)."""

from http import HTTPStatus
from typing import Any


def problem(status: int, detail: str, *, kind: str = "", **members: Any) -> dict[str, Any]:
    """Return problem details; `kind` names a type of our own, of which clients may know."""
    title = kind.replace("-", " ").capitalize() or HTTPStatus(status).phrase
    return {
        "type": f"urn:problem:{kind}" if kind else "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        **members,
    }
