"""The admin of dead letters: view, retry, edit and discard them, each with its permission."""

from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Max, QuerySet
from django.db.transaction import non_atomic_requests
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext_lazy as _

from events.admin.dead_letter_detail import detail_context, may_see_payloads
from events.admin.dead_letter_forms import DiscardForm, EditForm, StateFilter
from events.admin.list_and_page_actions import list_and_page_action, posted_actions
from events.admin.read_only import ReadOnlyAdmin
from events.dead_letters import actions as dead_letter_actions
from events.dead_letters.actions import Outcome, expect_editable
from events.dead_letters.payload_edits import EditRefused, draft
from events.dead_letters.queries import LONG_COLUMNS, by_error, open_letters
from events.models import DeadLetter
from events.texts.printable import printable

LONGEST_ERROR = 80
SHOWN_LETTERS = 50


class DeadLetterAdmin(ReadOnlyAdmin):
    list_display = ["id", "colored_state", "group", "event", "error_type", "short_error", "attempts", "age"]
    list_filter = [StateFilter, "group", "type", "error_type"]
    search_fields = ["=event_id", "=subject", "error"]
    ordering = ["-id"]
    actions = ["retry_selected", "discard_selected"]
    fieldsets = [(None, {"fields": []})]  # The template shows everything.

    class Media:
        css: ClassVar = {"all": ["events/dead_letters.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer(*LONG_COLUMNS)

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return [name for name in self.list_display if name != "short_error" or may_see_payloads(request)]

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return [name for name in self.search_fields if name != "error" or may_see_payloads(request)]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("by-error/", view(self.by_error_view), name="events_deadletter_by_error"),
            path("<int:letter_id>/edit/", view(self.edit_view), name="events_deadletter_edit"),
            *super().get_urls(),
        ]

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("events.retry_deadletter")

    def has_edit_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("events.edit_deadletter")

    def has_discard_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("events.discard_deadletter")

    @non_atomic_requests
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list, or run an action, whose steps each have their own transaction."""
        self._refuse_forbidden_action(request)
        return super().changelist_view(request, extra_context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        self._refuse_forbidden_action(request)
        letter = self.get_object(request, object_id)
        context = dict(extra_context or {})
        if isinstance(letter, DeadLetter):
            may_edit = (
                may_see_payloads(request)
                and self.has_edit_permission(request)
                and letter.state == DeadLetter.State.PARKED
            )
            context |= detail_context(letter, request) | {"may_edit": may_edit and letter.event_id}
        return super().change_view(request, object_id, form_url, context)

    @list_and_page_action(on_the_page=_("Retry it"), in_the_list=_("Retry selected events"), permission="retry")
    def retry_selected(self, request: HttpRequest, letters: QuerySet[DeadLetter]) -> None:
        outcome = dead_letter_actions.retry(letters, request.user.get_username())
        self._tell(request, outcome, _("marked to be retried"))

    @list_and_page_action(
        on_the_page=_("Discard this event"), in_the_list=_("Discard selected events"), permission="discard"
    )
    def discard_selected(self, request: HttpRequest, letters: QuerySet[DeadLetter]) -> HttpResponse | None:
        """Show what will be discarded, and ask for the reason."""
        form = DiscardForm(request.POST) if "reason" in request.POST else DiscardForm(initial={"up_to": _last(letters)})
        if not form.is_valid():
            return self._ask_for_reason(request, letters, form)
        seen = letters.filter(id__lte=form.cleaned_data["up_to"])
        reason = form.cleaned_data["reason"]
        outcome = dead_letter_actions.discard(seen, request.user.get_username(), reason=reason)
        self._tell(request, outcome, _("discarded"))
        return None

    def by_error_view(self, request: HttpRequest) -> HttpResponse:
        """Count the open letters by group, event and type of error, each linked to its list."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        listed = reverse("admin:events_deadletter_changelist")
        counts = [
            count | {"url": f"{listed}?{urlencode({name: count[name] for name in ('group', 'type', 'error_type')})}"}
            for count in by_error(open_letters())
        ]
        return self._page(request, "by_error.html", title=_("Dead letters by error"), counts=counts)

    def edit_view(self, request: HttpRequest, letter_id: int) -> HttpResponse:
        """Show the payload in a form, and store the edited one."""
        may_retry = self.has_retry_permission(request)
        is_allowed = (
            self.has_view_permission(request) and self.has_edit_permission(request) and may_see_payloads(request)
        )
        if not is_allowed or ("retry" in request.POST and not may_retry):
            raise PermissionDenied
        letter = get_object_or_404(DeadLetter, id=letter_id)
        letter_page = reverse("admin:events_deadletter_change", args=[letter_id])
        try:
            form = EditForm(request.POST or None, initial={"payload": draft(expect_editable(letter))})
        except EditRefused as error:
            self.message_user(request, _("This dead letter can't be edited: %(why)s") % {"why": error}, messages.ERROR)
            return HttpResponseRedirect(letter_page)
        if form.is_valid() and self._edit(request, letter, form):
            return HttpResponseRedirect(letter_page)
        return self._page(
            request, "edit.html", title=_("Edit the payload"), letter=letter, form=form, may_retry=may_retry
        )

    def _edit(self, request: HttpRequest, letter: DeadLetter, form: EditForm) -> bool:
        payload, retry = form.cleaned_data["payload"], form.cleaned_data["retry"]
        try:
            dead_letter_actions.edit(letter, payload, actor=request.user.get_username(), retry=retry)
        except EditRefused as error:
            for place, problem in error.problems.items():
                form.add_error("payload", printable(f"{place}: {problem}"))
            return False
        self.message_user(request, _("edited, and marked to be retried") if retry else _("edited; it is still parked"))
        return True

    def _ask_for_reason(
        self, request: HttpRequest, letters: QuerySet[DeadLetter], form: DiscardForm
    ) -> TemplateResponse:
        posted = [(name, value) for name, values in request.POST.lists() for value in values]
        still_open = letters.filter(state__in=DeadLetter.OPEN)
        return self._page(
            request,
            "discard.html",
            title=_("Discard dead letters?"),
            form=form,
            count=(count := still_open.count()),
            closed_count=letters.count() - count,
            hidden_count=max(0, count - SHOWN_LETTERS),
            letters=still_open.order_by("id")[:SHOWN_LETTERS],
            posted=[(name, value) for name, value in posted if name not in {"csrfmiddlewaretoken", *form.fields}],
        )

    def _page(self, request: HttpRequest, template: str, *, title: Any, **context: Any) -> TemplateResponse:
        site = self.admin_site.each_context(request)
        context |= {**site, "title": title, "opts": self.opts, "media": self.media}
        return TemplateResponse(request, f"admin/events/deadletter/{template}", context)

    def _tell(self, request: HttpRequest, outcome: Outcome, done: Any) -> None:
        self.message_user(
            request, outcome.sentence(str(done)), messages.WARNING if outcome.left_out else messages.SUCCESS
        )

    def _refuse_forbidden_action(self, request: HttpRequest) -> None:
        """Answer 403 to an action without permission, which Django would ignore as unknown."""
        allowed = {
            "retry_selected": self.has_retry_permission(request),
            "discard_selected": self.has_discard_permission(request),
        }
        if not all(allowed.get(name, True) for name in posted_actions(request)):
            raise PermissionDenied

    @admin.display(description=_("state"), ordering="state")
    def colored_state(self, letter: DeadLetter) -> SafeString:
        return format_html('<span class="letter-state {}">{}</span>', letter.state, letter.state_in_a_word)

    @admin.display(description=_("event"), ordering="type")
    def event(self, letter: DeadLetter) -> SafeString:
        subject = letter.subject or letter.entry_id
        return format_html("{}<br><small>{}</small>", letter.type or _("foreign entry"), printable(subject))

    @admin.display(description=_("error"))
    def short_error(self, letter: DeadLetter) -> str:
        return printable(letter.error[:LONGEST_ERROR]) + "..." * (len(letter.error) > LONGEST_ERROR)

    @admin.display(description=_("age"), ordering="-parked_at")
    def age(self, letter: DeadLetter) -> str:
        return timesince(letter.parked_at, depth=1)


def _last(letters: QuerySet[DeadLetter]) -> int:
    return letters.aggregate(last=Max("id"))["last"] or 0
