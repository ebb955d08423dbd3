"""Split REST lists into pages."""

from typing import Any

from django.core.paginator import Paginator
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request

MAX_DIGITS = 9


class Pagination(PageNumberPagination):
    """Take `?page=2&page_size=50`; answer count, next, previous and results."""

    page_size = 25
    page_size_query_param = "page_size"
    max_page_size = 100

    def get_page_size(self, request: Request) -> int:
        return _number(request, "page_size", default=self.page_size, largest=self.max_page_size)

    def get_page_number(self, request: Request, paginator: "Paginator[Any]") -> int:  # noqa: ARG002 (its signature)
        return _number(request, "page", default=1, largest=10**MAX_DIGITS - 1)


def _number(request: Request, name: str, *, default: int, largest: int) -> int:
    """Return the number from 1 to `largest` that the parameter has; raise ValidationError for anything else."""
    text = request.query_params.get(name, str(default))
    if text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS and 1 <= int(text) <= largest:
        return int(text)
    raise ValidationError({name: [f"Must be a whole number from 1 to {largest:,}."]})
