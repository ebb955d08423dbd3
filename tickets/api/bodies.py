"""The fields of request bodies: a value of another type than the documented one is refused, never converted.

REST framework's own fields turn the number 1.10 into the text "1.1", and the text "no" into false.
"""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from tickets.values.addresses import validate_address
from tickets.values.texts import normalized


class TextField(serializers.CharField):
    """A text."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class LineField(TextField):
    """One line of text, in one spelling; its length is that of what is stored, as composing can make a text longer."""

    def to_internal_value(self, data: Any) -> str:
        return normalized(super().to_internal_value(data))


@extend_schema_field({"type": "string", "format": "idn-email", "maxLength": 254})
class AddressField(LineField):
    """An e-mail address, with letters of any script."""

    default_validators = [validate_address]


class SwitchField(serializers.BooleanField):
    """True or false."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data
