"""Columns that normalize what is written into them; migrations see Django's own fields."""

from typing import Any

from django.db import models

from tickets.texts import normalized


class _Normalized(models.Field):  # type: ignore[type-arg]  # Django's fields can't be subscripted at run time
    def to_python(self, value: Any) -> Any:
        converted = super().to_python(value)
        return normalized(converted) if isinstance(converted, str) else converted

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        name, _, args, kwargs = super().deconstruct()
        [django_field] = [base for base in type(self).__bases__ if base is not _Normalized]
        return name, f"django.db.models.{django_field.__name__}", args, kwargs


class LineField(_Normalized, models.CharField):  # type: ignore[type-arg]
    """One line of text, in one spelling."""


class AddressField(_Normalized, models.EmailField):  # type: ignore[type-arg]
    """An e-mail address."""
