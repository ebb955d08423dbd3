"""Forget a person, or hand out what is stored of one, in the admin.

What is typed here is sent in the body of a POST alone: no URL, log or message names the person.
"""

from collections.abc import Mapping
from contextlib import closing
from http import HTTPStatus
from typing import Any

import msgspec
from django import forms
from django.contrib.admin import AdminSite
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db.transaction import non_atomic_requests
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from accounts import security_log
from events.exceptions import EventError, PartitionsMissing
from events.operations.forgetting.find import count_mentions, extent, person_meant
from events.operations.forgetting.leftovers import leftovers
from events.operations.forgetting.report import report
from events.operations.forgetting.run import forget
from events.operations.forgetting.search import prove
from events.personal_data import Person
from events.stream.interface import Stream, open_stream

FORGET, REPORT = "events.forget_person", "events.report_person"
FAILURES = (EventError, ImproperlyConfigured, PartitionsMissing)


class PersonForm(forms.Form):
    person = forms.CharField(
        label=gettext_lazy("E-mail address, or a ticket's id or code"),
        max_length=254,
        help_text=gettext_lazy("Of a ticket, its holder is meant."),
        widget=UnfoldAdminTextInputWidget({"autocomplete": "off", "dir": "auto"}),
    )
    names = forms.BooleanField(
        label=gettext_lazy("Remove the person's name also from free texts about others, such as reasons"),
        required=False,
        widget=UnfoldBooleanWidget,
    )


def urls(site: AdminSite) -> list[URLPattern]:
    """Return the URLs of the pages. None has a transaction: each step has its own."""

    def page(view: Any) -> Any:
        return non_atomic_requests(site.admin_view(lambda request: view(request, site)))

    return [
        path("forgetting/", page(person_page), name="forgetting"),
        path("forgetting/forget/", page(forget_page), name="forgetting_forget"),
        path("forgetting/report/", page(report_page), name="forgetting_report"),
    ]


def person_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Ask for the person; show how much there is of whom was named, and ask whether to go on."""
    if not (request.user.has_perm(FORGET) or request.user.has_perm(REPORT)):
        raise PermissionDenied
    form = PersonForm(request.POST if request.method == "POST" else None)
    found: Mapping[str, Any] = {}
    if form.is_valid():
        try:
            found = _extent(person_meant(form.cleaned_data["person"]))
        except FAILURES as error:
            form.add_error("person", str(error))
        else:
            security_log.write("person_looked_for", rows=found["rows"], events=found["events"])
    return _page(request, site, "person.html", form=form, found=found)


def _extent(person: Person) -> Mapping[str, Any]:
    found = extent(person)
    named = Person(person.identity, found.names)
    mentions = count_mentions(named) if found.names else 0
    return {"rows": found.rows, "events": found.events, "mentions": mentions, "person": person.identity}


def forget_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Forget the person, and show the proof and what is left."""
    form = _confirmed(request, FORGET)
    try:
        with closing(open_stream()) as stream:
            context = _forget(person_meant(form.cleaned_data["person"]), stream, names=form.cleaned_data["names"])
    except FAILURES as error:
        form.add_error("person", str(error))
        return _page(request, site, "person.html", form=form, found={})
    return _page(request, site, "forgotten.html", **context)


def _forget(person: Person, stream: Stream, *, names: bool) -> dict[str, Any]:
    named = Person(person.identity, extent(person).names)
    outcome = forget(named, stream, names=names)
    proof = prove(named, stream)
    is_finished = not outcome.problems and all(place.is_clean for place in proof)
    security_log.write("person_forgotten", events=outcome.events, is_finished=is_finished)
    return {
        "outcome": outcome,
        "proof": proof,
        "is_finished": is_finished,
        "leftovers": list(leftovers(stream)),
    }


def report_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Answer all that is stored of the person, as a file of JSON."""
    form = _confirmed(request, REPORT)
    try:
        with closing(open_stream()) as stream:
            found = report(person_meant(form.cleaned_data["person"]), stream)
    except FAILURES as error:
        form.add_error("person", str(error))
        return _page(request, site, "person.html", form=form, found={})
    security_log.write("person_reported", entries=found.count)
    text = msgspec.json.format(msgspec.json.encode(found, enc_hook=str), indent=2)
    disposition = {"Content-Disposition": 'attachment; filename="person.json"'}
    return HttpResponse(text, content_type="application/json", headers=disposition)


def _confirmed(request: HttpRequest, permission: str) -> PersonForm:
    """Return what was confirmed; raise PermissionDenied also for who did not come from the page that asks."""
    form = PersonForm(request.POST)
    if not (request.user.has_perm(permission) and request.method == "POST" and form.is_valid()):
        raise PermissionDenied
    return form


def _page(request: HttpRequest, site: AdminSite, template: str, **context: Any) -> TemplateResponse:
    form = context.get("form")
    may = {"forget": request.user.has_perm(FORGET), "report": request.user.has_perm(REPORT)}
    context |= {**site.each_context(request), "title": _("Forget a person"), "may": may}
    status = HTTPStatus.BAD_REQUEST if form is not None and form.errors else HTTPStatus.OK
    return TemplateResponse(request, f"config/forgetting/{template}", context, status=status)
