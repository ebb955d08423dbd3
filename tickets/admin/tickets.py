"""Show tickets in the admin: a form issues them, buttons and actions change them, and nobody deletes them."""

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.models import User
from django.db.models import Field, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from tickets.admin.bulk import BulkActions
from tickets.admin.change_page import change_page
from tickets.admin.export import Exports
from tickets.admin.filters import CurrencyFilter, ShowDayFilter, StatusFilter, VenueFilter
from tickets.admin.import_page import import_page
from tickets.admin.issue_form import IssueForm
from tickets.admin.venue_times import TicketList, VenueTimeFormField
from tickets.changes.changes import CHANGES, Change, changes_offered
from tickets.changes.history import chain, timeline
from tickets.models import Ticket
from tickets.values.defaults import default_time_zone
from tickets.values.venue_time import at_venue, time_zones
from tickets.values.written import moment, price

LOCAL_TIME = _(
    "The local time at the venue. Where the clocks are put back and show it twice, add the offset: 02:30+01:00."
)

if TYPE_CHECKING:
    TicketModelAdmin = admin.ModelAdmin[Ticket]
else:
    TicketModelAdmin = admin.ModelAdmin  # Not generic at run time.


@admin.register(Ticket)
class TicketAdmin(BulkActions, Exports, TicketModelAdmin):
    form = IssueForm
    list_display = ["code", "badge", "title", "venue", "starts", "seat", "holder_name", "amount"]
    list_filter = [StatusFilter, VenueFilter, ShowDayFilter, CurrencyFilter]
    list_filter_submit = True
    list_per_page = 50
    show_full_result_count = False
    search_fields = ["code", "title", "venue", "holder_name", "holder_email", "seat"]
    search_help_text = _("Code, title, venue, holder, e-mail address, seat")
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
        "badge",
        "starts",
        "amount",
        "replaced_ticket",
        "replacement_ticket",
        "id",
        "version",
        "created",
        "updated",
    ]
    shown_instead = {"starts_at", "time_zone", "price", "currency"}
    """Fields of the form; a ticket shows `starts` and `amount` in their place."""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Ticket], search_term: str
    ) -> tuple[QuerySet[Ticket], bool]:
        """Find tickets by their words, and by their code in any spelling."""
        found, may_have_duplicates = super().get_search_results(request, queryset, search_term)
        return found | queryset.filter(id__in=Ticket.objects.with_code(search_term)), may_have_duplicates

    def get_fields(self, request: HttpRequest, obj: Ticket | None = None) -> list[Any]:
        if not obj:
            return [*self.fields, "confirmed"] if request.method == "POST" else self.fields
        return [*(name for name in self.fields if name not in self.shown_instead), *self.readonly_fields]

    def get_form(
        self,
        request: HttpRequest,
        obj: Ticket | None = None,
        change: bool = False,  # noqa: FBT001, FBT002 (Django's signature)
        **kwargs: Any,
    ) -> "type[ModelForm[Ticket]]":
        """Leave out how a code is made where there is one."""
        if obj:
            kwargs["help_texts"] = {"code": ""}
        return super().get_form(request, obj, change, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        import_view = self.admin_site.admin_view(self.import_view)
        changes = [
            path(f"<uuid:ticket_id>/{each.path}/", self._view_of(each), name=_url_name(each)) for each in CHANGES
        ]
        return [path("import/", import_view, name="tickets_ticket_import"), *changes, *super().get_urls()]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None) -> Any:
        """Issue a person's tickets one after another, so that a second click finds the ticket of the first one."""
        if request.method == "POST":
            User.objects.select_for_update(no_key=True).filter(username=request.user.get_username()).first()
        return super().add_view(request, form_url, extra_context)

    def _view_of(self, change: Change) -> Any:
        def view(request: HttpRequest, ticket_id: UUID) -> HttpResponse:
            return change_page(request, self, change, str(ticket_id))

        return self.admin_site.admin_view(view)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the ticket with its history, and with a button for each change that it allows to this person."""
        ticket = self.get_object(request, object_id) if self.has_view_permission(request) else None
        context = dict(extra_context or {})
        if ticket:
            context |= {"timeline": timeline(ticket), "chain": chain(ticket), "changes": _offered(request, ticket)}
        return super().change_view(request, object_id, form_url, context)

    def import_view(self, request: HttpRequest) -> HttpResponseBase:
        return import_page(request, self.admin_site)

    def get_changelist(self, request: HttpRequest, **_: Any) -> type[ChangeList]:  # noqa: ARG002
        return TicketList

    def formfield_for_dbfield(self, db_field: "Field[Any, Any]", request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "starts_at":
            kwargs |= {"form_class": VenueTimeFormField, "help_text": LOCAL_TIME}
        if db_field.name == "time_zone":
            zones = [(name, name) for name in sorted(time_zones())]
            return forms.ChoiceField(
                label=_("Time zone"),
                choices=zones,
                initial=default_time_zone(),
                widget=UnfoldAdminSelectWidget,
                help_text=_("The venue's."),
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:  # noqa: ARG002
        """Start with an empty form: a link must not fill it in, and a wrong time in one is an error of Django's."""
        return {}

    def has_view_permission(self, request: HttpRequest, obj: Ticket | None = None) -> bool:  # noqa: ARG002
        """Django also shows rows to those who may change them; over REST and on the pages that shows no holder."""
        return request.user.has_perm("tickets.view_ticket")

    def has_change_permission(self, request: HttpRequest, obj: Ticket | None = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Ticket | None = None) -> bool:  # noqa: ARG002
        return False

    def save_model(self, request: HttpRequest, obj: Ticket, form: "ModelForm[Ticket]", change: bool) -> None:  # noqa: ARG002, FBT001
        """Issue the form's ticket."""
        given = {name: value for name, value in form.cleaned_data.items() if name != "confirmed"}
        Ticket.issue(id=obj.id, **given)
        obj.refresh_from_db()

    @admin.display(description=_("status"), ordering="status")
    def badge(self, ticket: Ticket) -> SafeString:
        return format_html('<span class="admin-badge {}">{}</span>', ticket.status, ticket.get_status_display())

    @admin.display(description=_("starts"), ordering="starts_at")
    def starts(self, ticket: Ticket) -> str:
        return _in_words(ticket.starts_at, ticket)

    @admin.display(description=_("price"), ordering="price")
    def amount(self, ticket: Ticket) -> str:
        return price(ticket.price, ticket.currency)

    @admin.display(description=_("created"))
    def created(self, ticket: Ticket) -> str:
        return _in_words(ticket.created_at, ticket)

    @admin.display(description=_("updated"))
    def updated(self, ticket: Ticket) -> str:
        return _in_words(ticket.updated_at, ticket)

    @admin.display(description=_("replaces"))
    def replaced_ticket(self, ticket: Ticket) -> SafeString | None:
        return _link(ticket.replaces) if ticket.replaces else None

    @admin.display(description=_("replacement"))
    def replacement_ticket(self, ticket: Ticket) -> SafeString | None:
        return _link(ticket.replacement) if hasattr(ticket, "replacement") else None


def _url_name(change: Change) -> str:
    return f"tickets_ticket_{change.name}"


def _offered(request: HttpRequest, ticket: Ticket) -> list[tuple[Change, str]]:
    """Return each change that the ticket's status allows, and this person may make, with the URL of its page."""
    return [
        (each, reverse(f"admin:{_url_name(each)}", args=[ticket.id]))
        for each in changes_offered(request.user, ticket.status)
    ]


def _in_words(instant: datetime, ticket: Ticket) -> str:
    return moment(at_venue(instant, ticket.time_zone))


def _link(ticket: Ticket) -> SafeString:
    return format_html('<a href="{}">{}</a>', reverse("admin:tickets_ticket_change", args=[ticket.id]), ticket.code)
