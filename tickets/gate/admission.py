"""Check a ticket in once for each nonce of a device, however often the device reports it."""

from typing import NamedTuple
from uuid import UUID

from django.db import IntegrityError
from django.utils.translation import gettext as _

from events import unit_of_work
from tickets.exceptions import NonceReused, UnknownCode
from tickets.gate.signed_code import code_in
from tickets.models import Passage, Ticket
from tickets.values.codes import key_of


class Admission(NamedTuple):
    """The ticket with which somebody was let in, and the version that it had after that."""

    ticket_id: UUID
    version: int
    is_repeated: bool
    """The device has reported the same before."""


def ticket_with(*, code: str = "", qr: str = "") -> UUID:
    """Return the id of the ticket with this code, in any spelling, or QR code; raise UnknownCode or NotGenuine."""
    if qr:
        code = code_in(qr)
    ids = dict(Ticket.objects.with_code(code).values_list("code", "id"))
    if not ids:
        raise UnknownCode(_("There is no ticket with the code %(code)s.") % {"code": key_of(code)})
    if len(ids) > 1 and code not in ids:  # Early releases have issued codes that differ in their spelling alone.
        raise UnknownCode(
            _(
                "Several tickets have this code, in different spellings: "
                "type upper and lower case and hyphens as printed."
            )
        )
    return ids.get(code) or next(iter(ids.values()))


def admit(ticket_id: UUID, passage: Passage) -> Admission:
    """Check the ticket in, or find that this device has done it under the same nonce, even if it was undone since.

    Raise AlreadyCheckedIn or AlreadyCanceled, and NonceReused if the nonce belongs to another ticket.
    """
    try:
        with unit_of_work():
            return _admitted(ticket_id, passage)
    except IntegrityError as error:
        if passage.reported():  # For another ticket, by a request that came at the same moment.
            raise NonceReused from error
        raise


def _admitted(ticket_id: UUID, passage: Passage) -> Admission:
    ticket = Ticket.objects.select_for_update(no_key=True).get(id=ticket_id)
    earlier = passage.reported()
    if earlier is None:
        ticket.check_in(passage)
        return Admission(ticket_id, ticket.version, is_repeated=False)
    if earlier.ticket_id != ticket_id:
        raise NonceReused
    return Admission(ticket_id, earlier.version, is_repeated=True)
