"""The operations page, its figures as JSON, and a page that asks for each button."""

from typing import Any

import msgspec
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.db.transaction import non_atomic_requests
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from config.admin.operations.buttons import BUTTONS, Button, chosen_letters
from config.admin.operations.figures import collect

VIEW = "events.view_consumergroup"


def urls(site: AdminSite) -> list[URLPattern]:
    """Return the URLs of the pages. None has a transaction: they ask Redis and Elasticsearch."""

    def page(view: Any, **options: Any) -> Any:
        def shown(request: HttpRequest, **named: Any) -> HttpResponse:
            return view(request, site, **options, **named)  # type: ignore[no-any-return]

        return non_atomic_requests(site.admin_view(shown))

    return [
        path("operations/", page(operations_page), name="operations"),
        path("operations/figures/", page(figures), name="operations_figures"),
        *(
            path(f"operations/{each.route}", page(ask_first, button=each), name=f"operations_{each.name}")
            for each in BUTTONS
        ),
    ]


def operations_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Show everything at once; a script of the page then asks for the figures every two seconds."""
    _expect(request, VIEW)
    may = {each.name: request.user.has_perms(each.permissions) for each in BUTTONS}
    context = {**site.each_context(request), "title": _("Operations"), "figures": collect(), "may": may}
    return TemplateResponse(request, "config/operations/page.html", context)


def figures(request: HttpRequest, site: AdminSite) -> HttpResponse:  # noqa: ARG001 (as all others)
    _expect(request, VIEW)
    return HttpResponse(msgspec.json.encode(collect()), content_type="application/json")


def ask_first(request: HttpRequest, site: AdminSite, *, button: Button, of: str) -> HttpResponse:
    """Ask, or do what was confirmed."""
    _expect(request, *button.permissions)
    button.expect(of)
    if request.method == "POST":
        messages.success(request, button.press(request, of))
        return HttpResponseRedirect(reverse("admin:operations"))
    if request.method not in {"GET", "HEAD"}:
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    letters = chosen_letters({**request.GET.dict(), "group": of}).count() if button.name == "retry" else None
    title = _("%(action)s: %(of)s") % {"action": button.label, "of": of}
    context = {**site.each_context(request), "title": title, "button": button, "of": of, "letters": letters}
    return TemplateResponse(request, "config/operations/ask.html", context)


def _expect(request: HttpRequest, *permissions: str) -> None:
    if not request.user.has_perms(permissions):
        raise PermissionDenied
