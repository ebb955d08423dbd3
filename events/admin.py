"""The log and the dead letters, to look at: events are facts, and nobody edits them."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from events.models import DeadLetter, LogEntry

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Model]
else:
    ModelAdmin = admin.ModelAdmin  # Not generic when it runs.


class ReadOnlyAdmin(ModelAdmin):
    show_full_result_count = False
    """A log has many rows, and counting them all is slow."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 (Django's signature)
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        return False


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnlyAdmin):
    list_display = ["position", "type", "subject", "aggregate_version", "actor", "time"]
    list_filter = ["type"]
    search_fields = ["=event_id", "=subject", "=correlation_id"]
    ordering = ["-id"]


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    list_display = ["group", "type", "subject", "position", "error", "parked_at"]
    list_filter = ["group", "type"]
    search_fields = ["=event_id", "=subject"]
    ordering = ["-id"]
