"""Name groups and permissions in the language of the reader; the database has their names in English."""

from typing import Any

from django import forms
from django.contrib.admin import RelatedFieldListFilter
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

OF_EVERY_MODEL = {
    "add": gettext_lazy("Can add %(model)s"),
    "change": gettext_lazy("Can change %(model)s"),
    "delete": gettext_lazy("Can delete %(model)s"),
    "view": gettext_lazy("Can view %(model)s"),
}
"""The permissions that Django makes, by the beginnings of their names."""


class RightsField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # not generic at run time
    """A choice of groups or permissions."""

    def label_from_instance(self, obj: Any) -> str:
        return in_words(obj)


class GroupFilter(RelatedFieldListFilter):
    """Filters users by their groups."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[Any, Any]]:
        return [(key, _(str(name))) for key, name in super().field_choices(field, request, model_admin)]


def in_words(right: Group | Permission) -> str:
    """Return the name of a group, or that of a permission after those of its app and its model."""
    if isinstance(right, Group):
        return _(right.name)
    app, model = _names_of(right.content_type)
    action, _separator, of = right.codename.partition("_")
    is_of_every_model = of == right.content_type.model and action in OF_EVERY_MODEL
    allowed = OF_EVERY_MODEL[action] % {"model": model} if is_of_every_model else _(right.name)
    return f"{app} | {model} | {allowed}"


def _names_of(kind: ContentType) -> tuple[str, str]:
    """Return the names of the app and of the model; of a library that is gone, the names in the database."""
    model = kind.model_class()
    if model is None:
        return kind.app_label, kind.model
    return _(str(model._meta.app_config.verbose_name)), _(str(model._meta.verbose_name))
