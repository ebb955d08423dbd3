"""The forms and the filter of the dead letters' admin."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.admin.widgets import AdminTextareaWidget
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from events.models import DeadLetter
from events.models.dead_letters import WORDS

ANY = "any"


class StateFilter(admin.SimpleListFilter):
    """Shows open letters, unless another state is chosen."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        return [*((state, WORDS[state]) for state in DeadLetter.State.values), (ANY, _("any"))]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        first, *others = super().choices(changelist)
        yield {**first, "display": _("open")}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        if self.value() == ANY:
            return queryset
        return queryset.filter(state__in=[self.value()] if self.value() else DeadLetter.OPEN)


class DiscardForm(forms.Form):
    reason = forms.CharField(
        widget=AdminTextareaWidget(attrs={"rows": 3}), help_text=_("For later readers of the letter.")
    )
    up_to = forms.IntegerField(widget=forms.HiddenInput)
    """The id of the last letter when the form was shown: later ones are not discarded unseen."""


class EditForm(forms.Form):
    payload = forms.CharField(
        strip=False,
        widget=AdminTextareaWidget(attrs={"rows": 30, "dir": "ltr", "spellcheck": "false"}),
    )
    retry = forms.BooleanField(label=_("Retry it at once"), required=False)
