"""The admin of the log and of the dead letters, which can be retried, edited and discarded."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from events.admin.dead_letter_detail import may_see_payloads
from events.admin.dead_letters import DeadLetterAdmin
from events.admin.log_entries import LogEntryAdmin
from events.admin.read_only import ReadOnlyAdmin
from events.models import DeadLetter, DeadLetterAction, LogEntry
from events.texts.numbers import bounded_number
from events.texts.times import in_words


class DeadLetterActionAdmin(ReadOnlyAdmin):
    """Shows the trail of all dead letters, also of those that were deleted with their target."""

    list_display = ["time", "number", "action", "actor", "detail"]
    list_filter = ["action"]
    search_fields = ["actor"]  # The search box; get_search_results() looks by itself.
    search_help_text = _("The number of a dead letter, or who acted")
    ordering = ["-id"]
    fields = ["time", "number", "action", "actor", "detail"]

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002
        queryset: QuerySet[Any],
        search_term: str,
    ) -> tuple[QuerySet[Any], bool]:
        """Find by the number of the letter, or the name of the user; Django would take any text for a number."""
        sought = search_term.strip()
        if not sought:
            return queryset, False
        return queryset.filter(Q(letter_id=bounded_number(sought)) | Q(actor__iexact=sought)), False

    @admin.display(description=_("at"), ordering="at")
    def time(self, action: DeadLetterAction) -> str:
        return in_words(action.at)

    @admin.display(description=_("dead letter"), ordering="letter_id")
    def number(self, action: DeadLetterAction) -> int:
        return int(action.letter_id)

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return [name for name in self.list_display if name != "detail" or may_see_payloads(request)]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:  # noqa: ARG002 (Django's signature)
        return self.get_list_display(request)


# Where the admin is not installed, `manage.py test` imports this package all the same: it looks for tests in it.
if apps.is_installed("django.contrib.admin"):
    admin.site.register(LogEntry, LogEntryAdmin)
    admin.site.register(DeadLetter, DeadLetterAdmin)
    admin.site.register(DeadLetterAction, DeadLetterActionAdmin)
