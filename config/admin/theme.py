"""Give every class of the admin the theme, whether it knows of it or not."""

from functools import cache
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.admin import ActionLocation, display
from django.contrib.admin import ModelAdmin as DjangoModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.db.models import Model
from django.forms import SplitDateTimeField, SplitDateTimeWidget
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, checkbox

from events.offered_lookups import OfferedLookups

KEY = "KEY"
NOT_FILTERED = _("The list can’t be searched or filtered like this, so it shows everything.")
MAX_WORDS = 50

if TYPE_CHECKING:
    AnyModelAdmin = DjangoModelAdmin[Any]
else:
    AnyModelAdmin = DjangoModelAdmin


class ThemedAdmin(OfferedLookups, ModelAdmin):  # type: ignore[misc]
    """The theme's behaviour; what an admin class defines itself takes precedence."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list; say so if it can't be searched or filtered as the address says: Django shows all rows then."""
        if ERROR_FLAG in request.GET:
            self.message_user(request, NOT_FILTERED, messages.WARNING)
        return _without_frames(super().changelist_view(request, extra_context))

    def changeform_view(self, request: HttpRequest, *arguments: Any, **options: Any) -> HttpResponse:
        return _without_frames(super().changeform_view(request, *arguments, **options))

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        """Search for some words at most: each adds conditions to the query, and databases bound their number."""
        if len(search_term.split()) > MAX_WORDS:
            raise IncorrectLookupParameters
        return super().get_search_results(request, queryset, search_term)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Take no times from the address: their fields have two parts, which a text has not."""
        fields = self.get_form(request).base_fields
        given = super().get_changeform_initial_data(request)
        return {name: value for name, value in given.items() if not isinstance(fields.get(name), SplitDateTimeField)}

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer no buttons that open a related row: the policy forbids frames. Name both parts of a time."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        widget = getattr(field, "widget", None)
        if isinstance(widget, RelatedFieldWidgetWrapper):
            widget.can_add_related = widget.can_change_related = False
            widget.can_delete_related = widget.can_view_related = False
        if isinstance(widget, SplitDateTimeWidget):
            for part, label in zip(widget.widgets, (_("Date"), _("Time")), strict=True):
                part.attrs.setdefault("aria-label", label)
        return field

    def message_user(self, request: HttpRequest, message: Any, *arguments: Any, **options: Any) -> None:
        """Begin sentences with a capital letter, as Django's own templates do."""
        super().message_user(request, capfirst(message), *arguments, **options)

    @display(description=ModelAdmin.action_checkbox.short_description)
    def action_checkbox(self, obj: Model) -> SafeString:
        """Return the box that chooses a row; the theme renders a template for each, a fifth of a list's time."""
        before, after = _checkbox(get_language())
        return format_html("{}{}{}", before, obj.pk, after)

    def get_action_choices(
        self,
        request: HttpRequest,
        default_choices: Any = None,
        action_location: ActionLocation = ActionLocation.CHANGE_LIST,
    ) -> Any:
        """Offer the actions of the place that is shown, which the theme does not tell apart."""
        choices = default_choices or [("", _("Select action"))]
        return DjangoModelAdmin.get_action_choices(self, request, choices, action_location)


@cache
def _checkbox(language: str) -> tuple[SafeString, SafeString]:  # noqa: ARG001 (its label is in this language)
    """Return what stands before and after a row's key."""
    before, after = str(checkbox.render(ACTION_CHECKBOX_NAME, KEY)).split(KEY)
    return mark_safe(before), mark_safe(after)  # noqa: S308 (a template's)


def _without_frames(response: HttpResponse) -> HttpResponse:
    """Take back that the theme lets frames of our own show its pages, which it needs for pop-ups."""
    del response["X-Frame-Options"]
    return response


def themed(admin_class: type[AnyModelAdmin]) -> type[AnyModelAdmin]:
    """Return the class with the theme."""
    if issubclass(admin_class, ThemedAdmin):
        return admin_class
    return type(admin_class.__name__, (admin_class, ThemedAdmin), {"__module__": admin_class.__module__})
