"""The admin of the log: browse and search events, and look at one with its causes, its consequences and its way."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.db.transaction import non_atomic_requests
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from events.admin.log_entry_detail import detail_context
from events.admin.read_only import ReadOnlyAdmin
from events.event import aggregate_type_of, registered_types
from events.models import LogEntry
from events.operations.trace import trace
from events.stream.interface import open_stream
from events.texts.numbers import bounded_number
from events.texts.times import in_words

MOST_COUNTED = 1_000
"""More are not counted: it would take seconds in a large log."""


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts and shows the first rows only; a filter leads to those below."""

    @cached_property
    def count(self) -> int:
        return self.object_list[:MOST_COUNTED].count()  # type: ignore[attr-defined, no-any-return]


class TypeFilter(admin.SimpleListFilter):
    """Offers the types that the code knows: to look for those of the log would read all of it."""

    title = _("type")
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return [(known.name, known.name) for known in registered_types()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        return queryset.filter(type=self.value()) if self.value() else queryset


class AggregateFilter(admin.SimpleListFilter):
    title = _("aggregate")
    parameter_name = "aggregate"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return [(name, name) for name in aggregate_types()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        return queryset.filter(aggregate_type=self.value()) if self.value() else queryset


class OlderFilter(admin.SimpleListFilter):
    """Leads to the events below those of the page, by the key and not by their number."""

    title = _("position in the log")
    parameter_name = "before"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return [("", "")]  # Without any, the filter is left out.

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        before = bounded_number(self.value() or "")
        return queryset if before is None else queryset.filter(id__lt=before)

    def choices(self, changelist: Any) -> Iterator[Any]:
        newest = changelist.get_query_string(remove=[self.parameter_name, "p"])
        yield {"selected": not self.value(), "query_string": newest, "display": _("newest")}
        shown = list(changelist.result_list)
        if len(shown) == changelist.list_per_page:
            below = changelist.get_query_string({self.parameter_name: shown[-1].pk}, ["p"])
            yield {"selected": False, "query_string": below, "display": _("older than this page")}


class LogEntryAdmin(ReadOnlyAdmin):
    """Shows events. They are facts, which nobody edits."""

    list_display = ["number", "type", "subject", "aggregate_version", "actor", "at"]
    list_filter = [TypeFilter, AggregateFilter, ("time", admin.DateFieldListFilter), OlderFilter]
    list_select_related = ["place"]
    search_fields = ["event_id"]  # The search box; get_search_results() looks by itself.
    search_help_text = _("The id of an event or of what it is about, or a correlation id")
    ordering = ["-id"]
    sortable_by = []
    paginator = BoundedPaginator
    fieldsets = [(None, {"fields": []})]  # The template shows everything.

    class Media:
        css: ClassVar = {"all": ["events/dead_letters.css"]}

    @admin.display(description=_("time"))
    def at(self, entry: LogEntry) -> str:
        return in_words(entry.time)

    @admin.display(description=_("position"))
    def number(self, entry: LogEntry) -> int | None:
        return entry.position

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002
        queryset: QuerySet[Any],
        search_term: str,
    ) -> tuple[QuerySet[Any], bool]:
        """Find events by an id; of the three kinds of ids, the log has no index by correlation."""
        sought = search_term.strip()
        if not sought:
            return queryset, False
        by_id = queryset.filter(event_id=sought) if _is_uuid(sought) else queryset.none()
        about = queryset.filter(aggregate_type__in=aggregate_types(), subject=sought)
        found = next((some for some in (by_id, about) if some.exists()), None)
        return queryset.filter(correlation_id=sought) if found is None else found, False

    def get_urls(self) -> list[URLPattern]:
        # It asks Redis and what the groups write to, without a transaction.
        view = non_atomic_requests(self.admin_site.admin_view(self.way_view))
        return [path("<int:entry_id>/way/", view, name="events_logentry_way"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        entry = self.get_object(request, object_id) if self.has_view_permission(request) else None
        context = dict(extra_context or {})
        if isinstance(entry, LogEntry):
            context |= detail_context(entry)
        return super().change_view(request, object_id, form_url, context)

    def way_view(self, request: HttpRequest, entry_id: int) -> HttpResponse:
        """Show how far the event has come: in the log, on the stream, in each group, and its effects."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        entry = get_object_or_404(LogEntry, id=entry_id)
        with closing(open_stream()) as stream:
            found = trace(stream, entry)
        title = gettext("The way of an event")
        site = self.admin_site.each_context(request)
        context = {**site, "title": title, "opts": self.opts, "media": self.media, "original": entry, "trace": found}
        return TemplateResponse(request, "admin/events/logentry/way.html", context)


def aggregate_types() -> list[str]:
    return sorted({aggregate_type_of(known.name) for known in registered_types()})


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
