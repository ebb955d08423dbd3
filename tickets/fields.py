"""Columns that normalize what is written into them; migrations see Django's own fields."""

from typing import Any

from django.db import models

from tickets.codes import key_of
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


class CodeKeyField(models.CharField):  # type: ignore[type-arg]
    """The key of the row's code, given when the row is inserted."""

    def pre_save(self, model_instance: Any, add: bool) -> Any:  # noqa: FBT001 (Django's signature)
        if add:
            setattr(model_instance, self.attname, key_of(model_instance.code))
        return super().pre_save(model_instance, add)

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.CharField", args, kwargs
