"""Columns that check or normalize what is written into them; migrations see Django's own fields.

A price is checked together with its currency, a time with its zone.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tickets.values.addresses import validate_address
from tickets.values.money import DECIMALS, as_written, is_plain
from tickets.values.texts import normalized
from tickets.values.validators import validate_year
from tickets.values.venue_time import INCOMPLETE, NoSuchTime, at_venue, instant_of, is_complete, time_zones

ATTRIBUTES_OF_ADDRESSES = {"inputmode": "email", "autocapitalize": "none", "spellcheck": "false"}
"""They bring up a phone's keyboard for addresses."""


class _Own(models.Field):  # type: ignore[type-arg]  # Django's fields can't be subscripted at run time
    def deconstruct(self) -> tuple[str, str, Any, Any]:
        name, _, args, kwargs = super().deconstruct()
        django_field = next(base for base in type(self).__mro__ if base.__module__.startswith("django."))
        return name, f"django.db.models.{django_field.__name__}", args, kwargs


class _Normalized(_Own):
    def to_python(self, value: Any) -> Any:
        converted = super().to_python(value)
        return normalized(converted) if isinstance(converted, str) else converted


class LineField(_Normalized, models.CharField):  # type: ignore[type-arg]
    """One line of text, in one spelling."""


class AddressField(_Normalized, models.EmailField):  # type: ignore[type-arg]
    """An e-mail address, with letters of any script."""

    default_validators = [validate_address]

    def formfield(self, **options: Any) -> Any:
        """Return a field that browsers do not check: theirs for addresses takes ASCII alone before the @."""
        field: Any = super().formfield(**{"form_class": forms.CharField, **options})
        field.widget.input_type = "text"
        field.widget.attrs |= ATTRIBUTES_OF_ADDRESSES
        return field


class PriceFormField(forms.DecimalField):
    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and value and not is_plain(value):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)


class PriceField(_Own, models.DecimalField):  # type: ignore[type-arg]
    """A price in the ticket's currency, with as many decimals as the currency has."""

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and not is_plain(value):
            raise ValidationError(self.error_messages["invalid"], code="invalid", params={"value": value})
        return super().to_python(value)

    def formfield(self, **options: Any) -> Any:
        return super().formfield(**{"form_class": PriceFormField, **options})

    def clean(self, value: Any, model_instance: Any) -> Decimal:
        price: Decimal = super().clean(value, model_instance)
        currency = model_instance.currency
        decimals = DECIMALS.get(currency)
        written = as_written(price, currency)
        if decimals is not None and -int(written.as_tuple().exponent) > decimals:
            few = ngettext(
                "%(currency)s has %(decimals)s decimal; write %(example)s, for example.",
                "%(currency)s has %(decimals)s decimals; write %(example)s, for example.",
                decimals,
            )
            none = _("%(currency)s has no decimals; write %(example)s, for example.")
            values = {"currency": currency, "decimals": decimals, "example": f"{price:.{decimals}f}"}
            raise ValidationError((few if decimals else none) % values, code="decimals")
        return written


class VenueTimeField(_Own, models.DateTimeField):  # type: ignore[type-arg]
    """An instant, in UTC. A time without an offset is a local time in the ticket's time zone, if that is given."""

    def to_python(self, value: Any) -> Any:
        time = super().to_python(value)
        if time and isinstance(value, str) and not is_complete(value):
            raise ValidationError(INCOMPLETE, code="incomplete")
        return time

    def clean(self, value: Any, model_instance: Any) -> datetime:
        time: datetime | None = self.to_python(value)
        if time and time.tzinfo is None and model_instance.time_zone in time_zones():
            time = _instant_of(time, model_instance.time_zone)
        instant: datetime = super().clean(time, model_instance)
        validate_year(at_venue(instant, model_instance.time_zone))
        return instant.astimezone(UTC)


def _instant_of(local: datetime, time_zone: str) -> datetime:
    try:
        return instant_of(local, time_zone)
    except NoSuchTime as error:
        raise ValidationError(str(error), code="no-such-time") from error
    except OverflowError:
        return local.replace(tzinfo=UTC)  # It is far beyond what the validators accept.
