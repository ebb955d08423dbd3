"""The fields that are given to issue or correct a ticket, the reasons for changes, and the statuses."""

from datetime import datetime
from decimal import Decimal
from typing import NotRequired, TypedDict
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tickets.values.texts import normalized
from tickets.values.validators import validate_text

LONGEST_REASON = 500


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


class Correction(TypedDict, total=False):
    """The details that may be corrected while a ticket is not used."""

    seat: str
    holder_name: str
    holder_email: str


class TicketFields(TicketDetails):
    """The arguments of issue(), which makes an id and a code if none is given."""

    id: NotRequired[UUID]
    code: NotRequired[str]


class Status(models.TextChoices):
    ISSUED = "issued", gettext_lazy("issued")
    CHECKED_IN = "checked_in", gettext_lazy("checked in")
    CANCELED = "canceled", gettext_lazy("canceled")


HISTORIES = {
    Status.ISSUED: gettext_lazy("ticket %(code)s is issued"),
    Status.CHECKED_IN: gettext_lazy("ticket %(code)s is already checked in"),
    Status.CANCELED: gettext_lazy("ticket %(code)s is already canceled"),
}
"""Why a ticket in this status can't be changed, as far as its row says."""


def validated_reason(text: str) -> str:
    """Return the reason as it is recorded; raise ValidationError."""
    reason = normalized(text)
    if len(reason) > LONGEST_REASON:
        too_long = _("This reason has %(number)s characters; %(most)s are allowed.")
        raise ValidationError({"reason": too_long % {"number": len(reason), "most": LONGEST_REASON}})
    try:
        validate_text(reason)
    except ValidationError as error:
        raise ValidationError({"reason": error.messages}) from error
    return reason
