"""Change tickets without end, as a web process does: `python -m tests.faults.writer`. It is killed."""

import os
import random
import time
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from events import unit_of_work  # noqa: E402 (after the setup)
from tickets.exceptions import ConcurrentChange, TransitionRefused  # noqa: E402
from tickets.models import Status, Ticket  # noqa: E402

SLOW_SHARE = 0.03
SLOW_SECONDS = 0.7


def issue() -> None:
    Ticket.issue(
        title="Torment",
        venue="Arena",
        starts_at=datetime(2027, 5, 1, 20, 0, tzinfo=UTC),
        holder_name="Ada",
        holder_email="ada@example.org",
        price=Decimal(10),
        currency="EUR",
    )


def change_one() -> None:
    ticket = Ticket.objects.filter(status=Status.ISSUED).order_by("?").first()
    if ticket is None or random.random() < 0.5:
        issue()
    elif random.random() < 0.5:
        ticket.cancel()
    else:
        ticket.check_in()


def main() -> None:
    while True:
        with suppress(ConcurrentChange, TransitionRefused), unit_of_work():
            change_one()
            if random.random() < SLOW_SHARE:
                time.sleep(SLOW_SECONDS)  # A slow transaction delays only itself.


if __name__ == "__main__":
    main()
