"""The admin of the log and of the dead letters, which can be retried, edited and discarded."""

from django.apps import apps
from django.contrib import admin

from events.admin.dead_letters import DeadLetterAdmin
from events.admin.read_only import ReadOnlyAdmin
from events.models import DeadLetter, LogEntry


class LogEntryAdmin(ReadOnlyAdmin):
    """Shows events. They are facts, which nobody edits."""

    list_display = ["position", "type", "subject", "aggregate_version", "actor", "time"]
    list_filter = ["type"]
    list_select_related = ["place"]
    search_fields = ["=event_id", "=subject", "=correlation_id"]
    ordering = ["-id"]


# Where the admin is not installed, `manage.py test` imports this package all the same: it looks for tests in it.
if apps.is_installed("django.contrib.admin"):
    admin.site.register(LogEntry, LogEntryAdmin)
    admin.site.register(DeadLetter, DeadLetterAdmin)
