"""Count attempts in the database, each with one statement, so that parallel ones don't slip past the limit.

The first attempt begins a period. Beyond the limit every attempt is refused until the period ends; refused ones don't
make it longer, so nobody can keep others locked out for ever by trying on.
"""

import time
from hashlib import sha256
from typing import NamedTuple

from django.db import connection, models
from django.db.models import F

COUNT = """
INSERT INTO accounts_attempts AS attempts (key, count, ends_at) VALUES (%(key)s, 1, %(ends_at)s)
ON CONFLICT (key) DO UPDATE SET
    count = CASE WHEN attempts.ends_at <= %(now)s THEN 1 ELSE attempts.count + 1 END,
    ends_at = CASE WHEN attempts.ends_at <= %(now)s THEN excluded.ends_at ELSE attempts.ends_at END
RETURNING count, ends_at
"""
OLD_ROWS_AT_ONCE = 100


class Attempts(models.Model):
    """How often something was tried until a time."""

    key = models.CharField(max_length=64, primary_key=True)
    """A hash, so that no name and no address is kept."""
    count = models.PositiveIntegerField()
    ends_at = models.FloatField()
    """Seconds since 1970. The next attempt after it begins anew."""

    class Meta:
        db_table = "accounts_attempts"
        indexes = [models.Index(fields=["ends_at"], name="accounts_attempts_end")]

    def __str__(self) -> str:
        return f"{self.count} attempts until {self.ends_at}"


class Limit(NamedTuple):
    """So many attempts of a kind by the same somebody, within so many seconds."""

    kind: str
    attempts: int
    seconds: int

    def key(self, *who: str) -> str:
        return sha256("\0".join((self.kind, *who)).encode()).hexdigest()


def count(limit: Limit, *who: str) -> int:
    """Count an attempt; return how many seconds it is refused for, or 0."""
    now = time.time()
    values: dict[str, str | float] = {"key": limit.key(*who), "now": now, "ends_at": now + limit.seconds}
    with connection.cursor() as cursor:
        cursor.execute(COUNT, values)
        number, ends_at = cursor.fetchone()
    if number == 1:
        _forget_old(now)
    return _seconds_until(ends_at, now) if number > limit.attempts else 0


def seconds_refused(limit: Limit, *who: str) -> int:
    """Return how many seconds a further attempt would be refused for, or 0, without counting one."""
    now = time.time()
    found = Attempts.objects.filter(key=limit.key(*who), count__gte=limit.attempts, ends_at__gt=now).first()
    return _seconds_until(found.ends_at, now) if found else 0


def take_back(limit: Limit, *who: str) -> None:
    """Count an attempt less, since it was right or was not made."""
    Attempts.objects.filter(key=limit.key(*who), count__gt=0).update(count=F("count") - 1)


def forget(limit: Limit, *who: str) -> None:
    """Begin anew with the next attempt."""
    Attempts.objects.filter(key=limit.key(*who)).delete()


def _seconds_until(ends_at: float, now: float) -> int:
    return max(1, round(ends_at - now))


def _forget_old(now: float) -> None:
    old = Attempts.objects.filter(ends_at__lt=now).order_by("ends_at").values("key")[:OLD_ROWS_AT_ONCE]
    Attempts.objects.filter(key__in=list(old.values_list("key", flat=True))).delete()
