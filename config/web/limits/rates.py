"""Limit how many requests a minute a user sends to the API; config/web/limits/address_rate.py limits addresses.

They are counted in the memory of each process, a minute at a time: docs/adr/0015-rates-are-counted-in-memory.md.
"""

import time
from typing import Any

from django.conf import settings
from django.core.cache import caches
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

CACHE = "rates"
PERIOD_SECONDS = 60


def seconds_refused(key: str, *, limit: int) -> int:
    """Count a request; return 0 if it is within the limit of the current period, else when the next one begins."""
    now = time.time()
    counted = f"{key}.{now // PERIOD_SECONDS:.0f}"
    try:
        count = caches[CACHE].incr(counted)
    except ValueError:
        caches[CACHE].add(counted, 1, timeout=PERIOD_SECONDS)
        count = 1
    return PERIOD_SECONDS - int(now % PERIOD_SECONDS) if count > limit else 0


class UserRate(BaseThrottle):
    """A user sends API_USER_PER_MINUTE requests at most, by whatever tokens and sessions."""

    def allow_request(self, request: Request, _view: Any) -> bool:
        if not request.user.is_authenticated:
            return True
        self._seconds = seconds_refused(f"user.{request.user.pk}", limit=settings.API_USER_PER_MINUTE)
        return not self._seconds

    def wait(self) -> float:
        return self._seconds
