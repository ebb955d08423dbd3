"""The table of the tickets' ways through the gates."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from tickets.exceptions import AlreadyCanceled, AlreadyCheckedIn, TransitionRefused
from tickets.models.details import Status
from tickets.values import written
from tickets.values.venue_time import at_venue

if TYPE_CHECKING:
    from tickets.models.ticket import Ticket


@dataclass(frozen=True, kw_only=True)
class Passage:
    """How a ticket was used: by which device of a gate, and when by its clock."""

    device: str = ""
    nonce: str = ""
    at: datetime = field(default_factory=timezone.now)

    def of(self, ticket: "Ticket") -> "CheckIn":
        return CheckIn(ticket=ticket, at=self.at, device=self.device, nonce=self.nonce, version=ticket.version)

    def reported(self) -> "CheckIn | None":
        """Return the check-in that the device has reported under this nonce before; it may be undone since."""
        return CheckIn.objects.filter(device=self.device, nonce=self.nonce).first() if self.nonce else None


class CheckIn(models.Model):
    """A ticket's way through a gate: when, and by which device. One that was undone stays, with the time of that."""

    ticket = models.ForeignKey("tickets.Ticket", on_delete=models.PROTECT, related_name="check_ins")
    at = models.DateTimeField()
    """By the clock of the gate's device, which may have been offline until `recorded_at`."""
    device = models.CharField(max_length=100, blank=True)
    nonce = models.CharField(max_length=100, blank=True)
    """The device's own name for this passage, so that a repeated report is the same one."""
    version = models.PositiveIntegerField(default=0, db_default=0)
    """The ticket's after this; 0 in rows of earlier releases, which have no nonce."""
    recorded_at = models.DateTimeField(default=timezone.now)
    undone_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["ticket"], condition=Q(undone_at=None), name="tickets_checkin_ticket"),
            models.UniqueConstraint(fields=["device", "nonce"], condition=~Q(nonce=""), name="tickets_checkin_nonce"),
        ]

    def __str__(self) -> str:
        time = written.moment(at_venue(self.at, self.ticket.time_zone))
        return _("%(time)s at %(device)s") % {"time": time, "device": self.device} if self.device else time


def refusal_at_gate(ticket: "Ticket") -> TransitionRefused:
    """Return the error that says why nobody is let in with this ticket: when it was used and where, or canceled."""
    outline = _("The ticket is already %(status)s.") % {"status": ticket.get_status_display()}
    if ticket.status == Status.CANCELED:
        return AlreadyCanceled(ticket.history(), outline=outline, at=ticket.updated_at)
    last = ticket.last_check_in()
    if last is None:  # Its status was changed past the model.
        return AlreadyCheckedIn(ticket.history(), outline=outline, at=None, device="")
    outline = _("The ticket is already checked in, %(passage)s.") % {"passage": last}
    return AlreadyCheckedIn(ticket.history(), outline=outline, at=last.at, device=last.device)
