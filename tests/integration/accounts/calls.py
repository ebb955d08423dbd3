"""All calls that the service answers, found in its URLs and its admin, and the table of docs/permissions.md."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from django.contrib import admin
from django.test import RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver

TABLE = Path(__file__).resolve().parents[3] / "docs/permissions.md"
GROUP_NAMES = ("box office", "gate", "auditor", "operator")
PAGE_METHODS, API_METHODS = ("GET", "POST"), ("GET", "POST", "PUT", "PATCH", "DELETE")
CATCH_ALL = "/admin/(?P<url>.*)"


class Call(NamedTuple):
    """A request; `action` is one of the admin's list."""

    method: str
    path: str
    action: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.path}" + (f" {self.action}" if self.action else "")


class Row(NamedTuple):
    """What a call needs: `anybody`, `logged in`, `staff`, `superuser`, and permissions."""

    needs: tuple[str, ...]
    groups: tuple[str, ...]

    @property
    def permissions(self) -> set[str]:
        return {need for need in self.needs if "." in need}


def all_calls(user: Any) -> Iterator[Call]:
    """Yield each method of each URL, and each action of the admin that is offered to the user."""
    for path in dict.fromkeys(_paths(get_resolver())):
        if path != CATCH_ALL:
            methods = API_METHODS if path.startswith("/api/") else PAGE_METHODS
            yield from (Call(method, path) for method in methods)
    request = RequestFactory().get("/")
    request.user = user
    for model_admin in admin.site._registry.values():
        yield from (Call("POST", list_of(model_admin), name) for name in model_admin.get_actions(request))


def list_of(model_admin: Any) -> str:
    return f"/admin/{model_admin.opts.app_label}/{model_admin.opts.model_name}/"


def _paths(resolver: URLResolver, above: str = "/") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        route = above + str(pattern.pattern).removeprefix("^")
        if isinstance(pattern, URLPattern):
            yield _readable(route.removesuffix("$"))
        else:
            yield from _paths(pattern, route)


def _readable(route: str) -> str:
    if route == CATCH_ALL:
        return route
    route = route.replace("(?P<pk>[^/.]+)", "{id}").replace("<path:content_type_id>/<path:object_id>", "{type}/{id}")
    route = re.sub(r"\(\?P<app_label>.*?\)", "{app}", route)
    return re.sub(r"<[^>]+>", "{id}", route)


def table() -> Mapping[Call, Row]:
    """Return the rows of the document."""
    rows = {}
    for line in TABLE.read_text().splitlines():
        if line.startswith("| `"):
            call, needs, *groups = (cell.strip() for cell in line.strip("|").split("|"))
            words = call.strip("`").split(" ")
            named = tuple(name for name, cell in zip(GROUP_NAMES, groups, strict=True) if cell)
            rows[Call(*words)] = Row(tuple(need.strip().strip("`") for need in needs.split(",")), named)
    return rows


def line_of(call: Call, needs: tuple[str, ...], groups: tuple[str, ...]) -> str:
    quoted = ", ".join(f"`{need}`" if "." in need else need for need in needs)
    cells = " | ".join("yes" if name in groups else "" for name in GROUP_NAMES)
    return f"| `{call}` | {quoted} | {cells} |"
