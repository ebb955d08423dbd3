"""The admin of the log and of the dead letters, which can be retried, edited and discarded."""

from django.contrib import admin

from events.admin.dead_letters import DeadLetterAdmin
from events.admin.read_only import ReadOnlyAdmin
from events.models import DeadLetter, LogEntry


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnlyAdmin):
    """Shows events. They are facts, which nobody edits."""

    list_display = ["position", "type", "subject", "aggregate_version", "actor", "time"]
    list_filter = ["type"]
    list_select_related = ["place"]
    search_fields = ["=event_id", "=subject", "=correlation_id"]
    ordering = ["-id"]


admin.site.register(DeadLetter, DeadLetterAdmin)
