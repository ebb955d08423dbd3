"""The receivers of webhooks in the admin: add and change them, turn them on and off, and see what was sent."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_aware, make_aware
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from events.exceptions import EventError
from events.texts.times import in_utc
from tickets.access import control
from tickets.access.trial import send_test
from tickets.models import Delivery, Receiver
from tickets.models.receiver import LONGEST_NAME, LONGEST_URL, MESSAGE_TYPES, USUAL_TYPES
from tickets.values import written
from tickets.values.defaults import default_time_zone
from tickets.values.venue_time import at_venue

if TYPE_CHECKING:
    ReceiverModelAdmin = admin.ModelAdmin[Receiver]
    ReceiverModelForm = forms.ModelForm[Receiver]
else:
    ReceiverModelAdmin, ReceiverModelForm = admin.ModelAdmin, forms.ModelForm  # Not generic at run time.

SHOWN_DELIVERIES = 50


class ReceiverForm(ReceiverModelForm):
    """The row of the settings has only its name and its messages here."""

    name = forms.CharField(label=_("name"), max_length=LONGEST_NAME, widget=UnfoldAdminTextInputWidget)
    url = forms.CharField(label=_("URL"), max_length=LONGEST_URL, widget=UnfoldAdminTextInputWidget)
    types = forms.MultipleChoiceField(
        label=_("messages"),
        choices=[(kind, f"{kind}: {text}") for kind, text in MESSAGE_TYPES.items()],
        initial=USUAL_TYPES,
        widget=forms.CheckboxSelectMultiple,
    )
    from_start = forms.BooleanField(
        label=_("Tell it of all that the log has"),
        help_text=_("Otherwise of what happens from now on."),
        required=False,
        widget=UnfoldBooleanWidget,
    )

    class Meta:
        model = Receiver
        fields = ["name", "url", "types"]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if self.instance.pk:
            del self.fields["from_start"]
        if self.instance.from_settings:
            del self.fields["url"]

    def clean(self) -> dict[str, Any] | None:
        if not self.instance.pk:
            control.check_room()
        return super().clean()

    def clean_name(self) -> str:
        return control.checked_name(self.cleaned_data["name"], but=self.instance if self.instance.pk else None)

    def clean_url(self) -> str:
        return control.checked_address(self.cleaned_data["url"])

    def clean_types(self) -> list[str]:
        return control.checked_types(self.cleaned_data["types"])


@admin.register(Receiver)
class ReceiverAdmin(ReceiverModelAdmin):
    form = ReceiverForm
    list_display = ["name", "origin", "shown_state", "lag", "shown_types"]
    change_form_template = "admin/tickets/receiver/change_form.html"
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Receiver]:
        # The old secret and the new one are of no use here, not even encrypted.
        return super().get_queryset(request).defer("sealed_secret", "sealed_old_secret")

    def get_fields(self, request: HttpRequest, obj: Receiver | None = None) -> Any:  # noqa: ARG002
        if obj is None:
            return ["name", "url", "types", "from_start"]
        return ["name", "types"] if obj.from_settings else ["name", "url", "types"]

    def has_delete_permission(self, request: HttpRequest, obj: Receiver | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not (obj and obj.from_settings)

    def get_urls(self) -> list[URLPattern]:
        acts = {
            "test": self._test,
            "enable": self._enable,
            "disable": self._disable,
            "rotate": self._rotate,
            "replay": self._replay,
        }
        own = [
            path(f"<int:key>/{name}/", self._view(act), name=f"tickets_receiver_{name}") for name, act in acts.items()
        ]
        return [*own, *super().get_urls()]

    @admin.display(description=_("address"))
    def origin(self, receiver: Receiver) -> str:
        return receiver.origin

    @admin.display(description=_("state"))
    def shown_state(self, receiver: Receiver) -> str:
        return receiver.state

    @admin.display(description=_("lag"))
    def lag(self, receiver: Receiver) -> str:
        return f"{control.lags([receiver])[receiver.pk]:,}"

    @admin.display(description=_("messages"))
    def shown_types(self, receiver: Receiver) -> str:
        return ", ".join(receiver.types)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Mapping[str, Any] | None = None
    ) -> HttpResponse:
        try:
            return super().add_view(request, form_url, {**(extra_context or {})})
        except ValidationError as error:  # Another operator was faster, or this one has clicked twice.
            messages.error(request, " ".join(error.messages))
            return redirect("admin:tickets_receiver_changelist")

    def save_model(self, request: HttpRequest, obj: Receiver, form: Any, change: bool) -> None:  # noqa: FBT001
        if change:
            control.change(obj, form.changed_data)
            return
        made = control.add(obj.name, obj.url, obj.types, from_start=form.cleaned_data["from_start"])
        obj.pk = made.receiver.pk
        request.META[_SECRET] = made.secret

    def response_add(self, request: HttpRequest, obj: Receiver, post_url_continue: Any = None) -> HttpResponse:  # noqa: ARG002
        """Show the secret, this once."""
        return self._show_secret(request, obj, request.META.pop(_SECRET))

    def delete_model(self, request: HttpRequest, obj: Receiver) -> None:  # noqa: ARG002
        control.remove(obj)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Mapping[str, Any] | None = None
    ) -> HttpResponse:
        receiver = self.get_object(request, object_id)
        context: dict[str, Any] = {**(extra_context or {})}
        if receiver:
            found = Delivery.objects.filter(receiver=receiver)[:SHOWN_DELIVERIES]
            context["deliveries"] = [(delivery, _in_words(delivery.at)) for delivery in found]
            context["lag"] = self.lag(receiver)
            context["failing_since"] = receiver.failing_since and _in_words(receiver.failing_since)
            context["may_change"] = self.has_change_permission(request, receiver)
        return super().change_view(request, object_id, form_url, context)

    def _view(self, act: Callable[[HttpRequest, Receiver], HttpResponse | None]) -> Any:
        """Return a view that does something with a receiver, and then shows its page."""

        def view(request: HttpRequest, key: int) -> HttpResponseBase:
            receiver = get_object_or_404(Receiver, pk=key)
            if not self.has_change_permission(request, receiver):
                raise PermissionDenied
            try:
                page = act(request, receiver)
            except (ValidationError, EventError) as error:
                text = " ".join(error.messages) if isinstance(error, ValidationError) else str(error)
                messages.error(request, text)
                page = None
            return page or redirect("admin:tickets_receiver_change", receiver.pk)

        return self.admin_site.admin_view(require_POST(view))

    def _test(self, request: HttpRequest, receiver: Receiver) -> None:
        answer = send_test(receiver)
        if answer.is_taken:
            facts = {"status": answer.status, "seconds": f"{answer.seconds:.2f}"}
            text = gettext("It took the test message: status %(status)s, %(seconds)s s.")
            messages.success(request, text % facts)
        else:
            messages.error(request, gettext("It did not take the test message: %(error)s") % {"error": answer.error})

    def _enable(self, request: HttpRequest, receiver: Receiver) -> None:
        control.enable(receiver)
        self._tell(request, receiver, gettext("%(name)s is turned on.") % {"name": receiver.name})

    def _disable(self, request: HttpRequest, receiver: Receiver) -> None:
        control.disable(receiver)
        self._tell(request, receiver, gettext("%(name)s is turned off.") % {"name": receiver.name})

    def _rotate(self, request: HttpRequest, receiver: Receiver) -> HttpResponse:
        secret = control.rotate(receiver)
        self.log_change(request, receiver, gettext("Make a new secret"))
        return self._show_secret(request, receiver, secret, hours=control.OLD_SECRET_HOURS)

    def _replay(self, request: HttpRequest, receiver: Receiver) -> None:
        count = control.replay(receiver, _time(request.POST.get("since", "")))
        self._tell(request, receiver, gettext("%(count)s events are sent again.") % {"count": f"{count:,}"})

    def _tell(self, request: HttpRequest, receiver: Receiver, text: str) -> None:
        self.log_change(request, receiver, text)
        messages.success(request, text)

    def _show_secret(self, request: HttpRequest, receiver: Receiver, secret: str, *, hours: int = 0) -> HttpResponse:
        shared = {**self.admin_site.each_context(request), "title": str(receiver), "opts": self.opts}
        context = {**shared, "receiver": receiver, "secret": secret, "hours": hours}
        return TemplateResponse(request, "admin/tickets/receiver/secret.html", context)


_SECRET = "tickets.secret_of_new_receiver"  # noqa: S105 (a name)


def _in_words(instant: datetime) -> str:
    return written.moment(at_venue(instant, default_time_zone()))


def _time(text: str) -> datetime:
    """Return the time that was typed; raise ValidationError."""
    try:
        time = parse_datetime(text.strip())
        if time is not None:
            return in_utc(time if is_aware(time) else make_aware(time))
    except ValueError:
        pass
    raise ValidationError(gettext("This time is not valid."))
