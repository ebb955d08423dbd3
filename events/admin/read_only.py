"""An admin without Django's own forms to add, change or delete."""

from django.db.models import Model
from django.http import HttpRequest

from events.offered_lookups import OfferedLookups


class ReadOnlyAdmin(OfferedLookups):
    show_full_result_count = False
    """Counting all rows of a large log would be slow."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 (Django's signature)
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        return False
