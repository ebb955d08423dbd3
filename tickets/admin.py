"""Show tickets in the admin: a form issues them, an action cancels them, and nobody edits or deletes them."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Field, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from tickets.exceptions import TicketError
from tickets.models import Ticket

if TYPE_CHECKING:
    TicketModelAdmin = admin.ModelAdmin[Ticket]
else:
    TicketModelAdmin = admin.ModelAdmin  # Not generic at run time.


@admin.register(Ticket)
class TicketAdmin(TicketModelAdmin):
    list_display = ["code", "title", "venue", "starts_at", "holder_name", "status"]
    list_filter = ["status", "starts_at", "currency"]
    search_fields = ["code", "title", "venue", "holder_name", "holder_email"]
    date_hierarchy = "starts_at"
    fields = [
        "code",
        "title",
        "venue",
        "starts_at",
        "seat",
        "holder_name",
        "holder_email",
        "price",
        "currency",
    ]
    readonly_fields = ["status", "replaced_ticket", "replacement_ticket", "id", "version", "created_at", "updated_at"]
    actions = ["cancel_selected"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Ticket], search_term: str
    ) -> tuple[QuerySet[Ticket], bool]:
        """Find tickets by their words, and by their code in any spelling."""
        found, may_have_duplicates = super().get_search_results(request, queryset, search_term)
        return found | queryset.filter(id__in=Ticket.objects.with_code(search_term)), may_have_duplicates

    def get_fields(self, request: HttpRequest, obj: Ticket | None = None) -> list[Any]:  # noqa: ARG002
        return [*self.fields, *self.readonly_fields] if obj else self.fields

    def formfield_for_dbfield(self, db_field: "Field[Any, Any]", request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "starts_at":
            kwargs["help_text"] = f"Enter it in the time zone {timezone.get_current_timezone_name()}."
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

    @admin.display(description="replaces")
    def replaced_ticket(self, ticket: Ticket) -> SafeString | None:
        return _link(ticket.replaces) if ticket.replaces else None

    @admin.display(description="replacement")
    def replacement_ticket(self, ticket: Ticket) -> SafeString | None:
        return _link(ticket.replacement) if hasattr(ticket, "replacement") else None


def _link(ticket: Ticket) -> SafeString:
    return format_html('<a href="{}">{}</a>', reverse("admin:tickets_ticket_change", args=[ticket.id]), ticket.code)
