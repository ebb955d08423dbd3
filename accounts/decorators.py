"""Decorate the views of the pages of an account."""

from collections.abc import Callable

from django.db import transaction
from django.http.response import HttpResponseBase
from django.views.decorators.cache import never_cache

type View = Callable[..., HttpResponseBase]


def account_page(view: View) -> View:
    """Make a page without a transaction: in one, a password would be hashed with the session held."""
    return transaction.non_atomic_requests(never_cache(view))
