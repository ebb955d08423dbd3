"""The fields that are given to issue a ticket, and the statuses that it can have."""

from datetime import datetime
from decimal import Decimal
from typing import NotRequired, TypedDict
from uuid import UUID

from django.db import models


class TicketDetails(TypedDict):
    """The fields that a ticket shares with its replacement."""

    title: str
    venue: str
    starts_at: datetime
    """Without an offset: the local time at the venue, which needs `time_zone`."""
    time_zone: NotRequired[str]
    """The venue's; TICKETS_TIME_ZONE if none is given."""
    seat: NotRequired[str]
    holder_name: str
    holder_email: str
    price: Decimal
    currency: str


class TicketFields(TicketDetails):
    """The arguments of issue(), which makes an id and a code if none is given."""

    id: NotRequired[UUID]
    code: NotRequired[str]


class Status(models.TextChoices):
    ISSUED = "issued", "issued"
    CHECKED_IN = "checked_in", "checked in"
    CANCELED = "canceled", "canceled"
