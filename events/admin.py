"""The log and the dead letters, to look at; the dead letters can be mended, too."""

from django.contrib import admin

from events.dead_letter_admin import DeadLetterAdmin
from events.models import DeadLetter, LogEntry
from events.read_only_admin import ReadOnlyAdmin


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnlyAdmin):
    """Events are facts, and nobody edits them."""

    list_display = ["position", "type", "subject", "aggregate_version", "actor", "time"]
    list_filter = ["type"]
    search_fields = ["=event_id", "=subject", "=correlation_id"]
    ordering = ["-id"]


admin.site.register(DeadLetter, DeadLetterAdmin)
