"""Show tickets in the admin: a form issues them, an action cancels them, and nobody edits or deletes them."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ChangeList
from django.db import transaction
from django.db.models import Field, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from tickets.admin.import_page import import_page
from tickets.admin.venue_times import TicketList, VenueTimeFormField
from tickets.exceptions import TicketError
from tickets.models import Ticket
from tickets.values.defaults import default_time_zone
from tickets.values.venue_time import at_venue, in_words, time_zones

LOCAL_TIME = (
    "The local time at the venue. Where the clocks are put back and show it twice, add the offset: 02:30+01:00."
)

if TYPE_CHECKING:
    TicketModelAdmin = admin.ModelAdmin[Ticket]
else:
    TicketModelAdmin = admin.ModelAdmin  # Not generic at run time.


@admin.register(Ticket)
class TicketAdmin(TicketModelAdmin):
    list_display = ["code", "title", "venue", "starts", "holder_name", "amount", "status"]
    list_filter = ["status", "starts_at", "currency"]
    search_fields = ["code", "title", "venue", "holder_name", "holder_email"]
    date_hierarchy = "starts_at"
    fields = [
        "code",
        "title",
        "venue",
        "starts_at",
        "time_zone",
        "seat",
        "holder_name",
        "holder_email",
        "price",
        "currency",
    ]
    readonly_fields = [
        "starts",
        "amount",
        "status",
        "replaced_ticket",
        "replacement_ticket",
        "id",
        "version",
        "created",
        "updated",
    ]
    shown_instead = {"starts_at", "time_zone", "price", "currency"}
    """Fields of the form; a ticket shows `starts` and `amount` in their place."""
    actions = ["cancel_selected"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Ticket], search_term: str
    ) -> tuple[QuerySet[Ticket], bool]:
        """Find tickets by their words, and by their code in any spelling."""
        found, may_have_duplicates = super().get_search_results(request, queryset, search_term)
        return found | queryset.filter(id__in=Ticket.objects.with_code(search_term)), may_have_duplicates

    def get_fields(self, request: HttpRequest, obj: Ticket | None = None) -> list[Any]:  # noqa: ARG002
        if not obj:
            return self.fields
        return [*(name for name in self.fields if name not in self.shown_instead), *self.readonly_fields]

    def get_urls(self) -> list[URLPattern]:
        # Atomic by itself: many rows would wait in the request's transaction.
        view = transaction.non_atomic_requests(self.admin_site.admin_view(self.import_view))
        return [path("import/", view, name="tickets_ticket_import"), *super().get_urls()]

    def import_view(self, request: HttpRequest) -> TemplateResponse:
        return import_page(request, self.admin_site)

    def get_changelist(self, request: HttpRequest, **_: Any) -> type[ChangeList]:  # noqa: ARG002
        return TicketList

    def formfield_for_dbfield(self, db_field: "Field[Any, Any]", request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "starts_at":
            kwargs |= {"form_class": VenueTimeFormField, "help_text": LOCAL_TIME}
        if db_field.name == "time_zone":
            zones = [(name, name) for name in sorted(time_zones())]
            return forms.ChoiceField(choices=zones, initial=default_time_zone(), help_text="The venue's.")
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:  # noqa: ARG002
        """Start with an empty form: a link must not fill it in, and a wrong time in one is an error of Django's."""
        return {}

    def has_change_permission(self, request: HttpRequest, obj: Ticket | None = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Ticket | None = None) -> bool:  # noqa: ARG002
        return False

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("tickets.cancel_ticket")

    def save_model(self, request: HttpRequest, obj: Ticket, form: "ModelForm[Ticket]", change: bool) -> None:  # noqa: ARG002, FBT001
        """Issue the form's ticket."""
        Ticket.issue(id=obj.id, **form.cleaned_data)
        obj.refresh_from_db()

    @admin.action(description="Cancel selected tickets and issue replacements", permissions=["cancel"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> TemplateResponse | None:
        """Ask first; then cancel the tickets one by one, so that one refusal does not stop the others."""
        if "confirmed" not in request.POST:
            return self._confirmation(request, queryset)
        for ticket in queryset.order_by("id"):
            self._cancel(request, ticket)
        return None

    def _confirmation(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> TemplateResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "Cancel tickets?",
            "opts": self.opts,
            "tickets": queryset,
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/tickets/cancel_confirmation.html", context)

    def _cancel(self, request: HttpRequest, ticket: Ticket) -> None:
        try:
            replacement = ticket.cancel()
        except TicketError as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.log_change(request, ticket, f"Canceled; replaced by {replacement.code}.")
            self.message_user(request, f"ticket {ticket.code} is canceled; its replacement is {replacement.code}")

    @admin.display(ordering="starts_at")
    def starts(self, ticket: Ticket) -> str:
        return _in_words(ticket.starts_at, ticket)

    @admin.display(description="price", ordering="price")
    def amount(self, ticket: Ticket) -> str:
        return f"{ticket.price:,f} {ticket.currency}"

    @admin.display()
    def created(self, ticket: Ticket) -> str:
        return _in_words(ticket.created_at, ticket)

    @admin.display()
    def updated(self, ticket: Ticket) -> str:
        return _in_words(ticket.updated_at, ticket)

    @admin.display(description="replaces")
    def replaced_ticket(self, ticket: Ticket) -> SafeString | None:
        return _link(ticket.replaces) if ticket.replaces else None

    @admin.display(description="replacement")
    def replacement_ticket(self, ticket: Ticket) -> SafeString | None:
        return _link(ticket.replacement) if hasattr(ticket, "replacement") else None


def _in_words(instant: datetime, ticket: Ticket) -> str:
    return in_words(at_venue(instant, ticket.time_zone))


def _link(ticket: Ticket) -> SafeString:
    return format_html('<a href="{}">{}</a>', reverse("admin:tickets_ticket_change", args=[ticket.id]), ticket.code)
