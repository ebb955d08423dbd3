"""Let the address of a list filter by what the list offers, and by nothing else.

Django takes every lookup of the model's own columns from the address: expensive regular expressions, and guesses at
columns that the page does not show to this person.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Model]
else:
    ModelAdmin = admin.ModelAdmin  # Not generic at run time.

OF_FIELDS = ("", "__exact", "__isnull", "__gte", "__lt", "__id__exact")
"""What Django's own filters append to the name of a field."""
OF_DATES = ("__year", "__month", "__day", "__gte", "__lt")


class OfferedLookups(ModelAdmin):
    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Allow what a filter of the list or its hierarchy of dates asks for. Django ignores names without a field."""
        name = lookup.partition("__")[0]
        has_field = name == "pk" or any(field.name == name for field in self.opts.get_fields())
        is_offered = not has_field or lookup in set(self._offered(request))
        return is_offered and super().lookup_allowed(lookup, value, request)

    def _offered(self, request: HttpRequest) -> Iterator[str]:
        for offered in self.get_list_filter(request):
            for name in _names(offered):
                yield from (name + ending for ending in OF_FIELDS)
        if self.date_hierarchy:
            yield from (self.date_hierarchy + ending for ending in OF_DATES)


def _names(offered: Any) -> list[str]:
    """Return the fields or parameters of a filter: a name, a name and a class, or a class, of several ones too."""
    if isinstance(offered, str):
        return [offered]
    if isinstance(offered, tuple | list):
        return [offered[0]]
    return list(getattr(offered, "fields", None) or [offered.parameter_name])
