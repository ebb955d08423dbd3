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
from events.operations.forgetting.report import Report, report
from events.operations.forgetting.run import forget
from events.operations.forgetting.search import prove
from events.personal_data import Person
from events.stream.interface import open_stream

FAILURES = (EventError, ImproperlyConfigured, PartitionsMissing)


class PersonForm(forms.Form):
    person = forms.CharField(
        label=gettext_lazy("E-mail address, or a ticket's id or code"),
        max_length=254,
        help_text=gettext_lazy("Of a ticket, its holder is meant."),
        widget=UnfoldAdminTextInputWidget({"autocomplete": "off", "dir": "auto"}),
    )


class ForgetForm(PersonForm):
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
        path("forgetting/", page(forget_page), name="forgetting"),
        path("forgetting/report/", page(report_page), name="forgetting_report"),
    ]


def forget_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Ask for the person; show how much there is, and ask again; then forget, and show the proof and what is left."""
    _expect(request, "events.forget_person")
    form = ForgetForm(request.POST if request.method == "POST" else None)
    title = _("Forget a person")
    if not form.is_valid():
        return _page(request, site, "ask.html", title=title, form=form)
    try:
        person = person_meant(form.cleaned_data["person"])
        if "confirmed" in request.POST:
            return _page(
                request, site, "forgotten.html", title=title, **_forget(person, names=form.cleaned_data["names"])
            )
        return _page(request, site, "confirm.html", title=title, form=form, found=_extent(person))
    except FAILURES as error:
        form.add_error("person", str(error))
        return _page(request, site, "ask.html", title=title, form=form)


def _extent(person: Person) -> Mapping[str, Any]:
    found = extent(person)
    named = Person(person.identity, found.names)
    mentions = count_mentions(named) if found.names else 0
    security_log.write("person_looked_for", rows=found.rows, events=found.events)
    return {"rows": found.rows, "events": found.events, "mentions": mentions, "person": person.identity}


def _forget(person: Person, *, names: bool) -> dict[str, Any]:
    named = Person(person.identity, extent(person).names)
    with closing(open_stream()) as stream:
        outcome = forget(named, stream, names=names)
        proof = prove(named, stream)
        is_finished = not outcome.problems and all(place.is_clean for place in proof)
        security_log.write("person_forgotten", events=outcome.events, is_finished=is_finished)
        left = list(leftovers(stream))
    return {"outcome": outcome, "proof": proof, "is_finished": is_finished, "leftovers": left}


def report_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Ask for the person, and answer all that is stored as a file of JSON."""
    _expect(request, "events.report_person")
    form = PersonForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            with closing(open_stream()) as stream:
                return _as_file(report(person_meant(form.cleaned_data["person"]), stream))
        except FAILURES as error:
            form.add_error("person", str(error))
    return _page(request, site, "report.html", title=_("What is stored of a person"), form=form)


def _as_file(found: Report) -> HttpResponse:
    security_log.write("person_reported", entries=found.count)
    text = msgspec.json.format(msgspec.json.encode(found, enc_hook=str), indent=2)
    disposition = {"Content-Disposition": 'attachment; filename="person.json"'}
    return HttpResponse(text, content_type="application/json", headers=disposition)


def _expect(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def _page(request: HttpRequest, site: AdminSite, template: str, **context: Any) -> TemplateResponse:
    form = context.get("form")
    status = HTTPStatus.BAD_REQUEST if form is not None and form.errors else HTTPStatus.OK
    context |= site.each_context(request)
    return TemplateResponse(request, f"config/forgetting/{template}", context, status=status)
