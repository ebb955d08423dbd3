"""Define the events of tickets. An event carries the ticket's state after the change."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from events.event import Event, Instant, event_type
from events.personal_data import FREE_TEXT, Personal
from events.upcasting import Data, upcaster
from tickets.values.defaults import default_time_zone
from tickets.values.money import as_written

FORGOTTEN_NAME, FORGOTTEN_EMAIL = "Forgotten person", "forgotten@person.invalid"
AFTER = "after the holder was forgotten."
REASON = Meta(description="What the person who changed the ticket gave as the reason.")


class TicketState(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket with the model's own field names; times are UTC."""

    id: UUID
    code: str
    title: str
    venue: str
    starts_at: Instant
    time_zone: Annotated[str, Meta(description="The venue's, such as `Europe/Berlin`.")]
    seat: str
    holder_name: Annotated[str, Personal(FORGOTTEN_NAME), Meta(description=f"`{FORGOTTEN_NAME}` {AFTER}")]
    holder_email: Annotated[
        str, Personal(FORGOTTEN_EMAIL, identifies=True), Meta(description=f"`{FORGOTTEN_EMAIL}` {AFTER}")
    ]
    price: Annotated[Decimal, Meta(description="A decimal number as text, with the currency's decimals.")]
    currency: str
    status: Annotated[str, Meta(description="`issued`, `checked_in` or `canceled`.")]
    replaces: Annotated[UUID | None, Meta(description="The canceled ticket that it was issued for.")]
    version: Annotated[int, Meta(description="1 when it was issued, one more with each change.")]
    created_at: Instant
    updated_at: Instant


class TicketEvent(Event, frozen=True, kw_only=True, rename="camel"):
    """An event of one ticket."""

    ticket: TicketState

    @property
    def subject(self) -> str:
        return str(self.ticket.id)

    @property
    def aggregate_version(self) -> int:
        return self.ticket.version


@event_type("ticket.issued", version=2)
class TicketIssued(TicketEvent, frozen=True, kw_only=True, rename="camel"):
    """A ticket came into being, new or as the replacement of the ticket in `ticket.replaces`."""


@event_type("ticket.updated", version=1)
class TicketUpdated(TicketEvent, frozen=True, kw_only=True, rename="camel"):
    """The holder or the seat of a ticket that is not used yet was changed."""

    changed: Annotated[Sequence[str], Meta(description="The names of the fields that have other values now.")]


@event_type("ticket.checked_in", version=2)
class TicketCheckedIn(TicketEvent, frozen=True, kw_only=True, rename="camel"):
    """The ticket's holder went through the gate."""

    device: Annotated[str, Meta(description="The gate's device, empty if the ticket was checked in elsewhere.")] = ""
    at: Annotated[Instant | None, Meta(description="When, by the device's clock, which may be before `time`.")] = None


@event_type("ticket.check_in_undone", version=1)
class TicketCheckInUndone(TicketEvent, frozen=True, kw_only=True, rename="camel"):
    """The holder did not go in after all; the ticket can be used again."""

    reason: Annotated[str, FREE_TEXT, REASON] = ""


@event_type("ticket.canceled", version=2)
class TicketCanceled(TicketEvent, frozen=True, kw_only=True, rename="camel"):
    """The ticket is void; the ticket with `new_ticket_id` replaces it, or none does."""

    new_ticket_id: Annotated[UUID | None, Meta(description="The ticket that replaces it.")] = None
    reason: Annotated[str, FREE_TEXT, REASON] = ""


@event_type("ticket.reinstated", version=1)
class TicketReinstated(TicketEvent, frozen=True, kw_only=True, rename="camel"):
    """The ticket was canceled by mistake and is valid again; its replacement, if it had one, is canceled."""

    reason: Annotated[str, FREE_TEXT, REASON] = ""


@event_type("ticket.corrected", version=2)
class TicketCorrected(TicketEvent, frozen=True, kw_only=True, rename="camel"):
    """The ticket differed from its events; `verify_log` recorded its state, and its replacement if it has one."""

    new_ticket_id: Annotated[UUID | None, Meta(description="The ticket that replaces it.")] = None


@event_type("ticket.redacted", version=1)
class TicketRedacted(TicketEvent, frozen=True, kw_only=True, rename="camel"):
    """Data of a person were removed from this ticket and its earlier events: keep of it only what this event has."""

    new_ticket_id: Annotated[UUID | None, Meta(description="The ticket that replaces it.")] = None


TICKET_EVENTS = (
    TicketIssued,
    TicketUpdated,
    TicketCheckedIn,
    TicketCheckInUndone,
    TicketCanceled,
    TicketReinstated,
    TicketCorrected,
    TicketRedacted,
)


def _locate(data: Data) -> Data:
    """Version 1 had no time zone, and each price had two decimals."""
    ticket = data["ticket"]
    price = as_written(Decimal(ticket["price"]), ticket["currency"])
    return {**data, "ticket": {**ticket, "time_zone": default_time_zone(), "price": f"{price:f}"}}


for _name in ("ticket.issued", "ticket.checked_in", "ticket.canceled", "ticket.corrected"):
    upcaster(_name, from_version=1)(_locate)
