"""Columns for text from anywhere: PostgreSQL refuses U+0000, lone surrogates, and text beyond a column's length."""

import re
from typing import Any

from django.db import models

REFUSED = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    r"""Replace the characters that PostgreSQL refuses by their codes, such as \u0000."""
    return REFUSED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class _Storable(models.Field):  # type: ignore[type-arg]  # Django's fields can't be subscripted at run time
    """Makes a value storable wherever it is written or compared; migrations see Django's own field."""

    def get_prep_value(self, value: Any) -> Any:
        prepared = super().get_prep_value(value)
        return storable(prepared)[: self.max_length] if isinstance(prepared, str) else prepared

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        name, _, args, kwargs = super().deconstruct()
        [django_field] = [base for base in type(self).__bases__ if base is not _Storable]
        return name, f"django.db.models.{django_field.__name__}", args, kwargs


class StorableCharField(_Storable, models.CharField):  # type: ignore[type-arg]
    """Text that is cut at the column's length."""


class StorableTextField(_Storable, models.TextField):  # type: ignore[type-arg]
    """Text of any length."""


class StorableJSONField(_Storable, models.JSONField):
    """JSON with any text in its keys and values."""

    def get_prep_value(self, value: Any) -> Any:
        return super().get_prep_value(_storable_json(value))


def _storable_json(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {_storable_json(key): _storable_json(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_storable_json(inner) for inner in value]
    return value
