"""The table of the tickets' ways through the gates."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.utils import timezone

from tickets.values.venue_time import at_venue, in_words

if TYPE_CHECKING:
    from tickets.models.ticket import Ticket


@dataclass(frozen=True, kw_only=True)
class Passage:
    """How a ticket was used: by which device of a gate, and when by its clock."""

    device: str = ""
    nonce: str = ""
    at: datetime = field(default_factory=timezone.now)

    def of(self, ticket: "Ticket") -> "CheckIn":
        return CheckIn(ticket=ticket, at=self.at, device=self.device, nonce=self.nonce)


class CheckIn(models.Model):
    """A ticket's way through a gate: when, and by which device. One that was undone stays, with the time of that."""

    ticket = models.ForeignKey("tickets.Ticket", on_delete=models.PROTECT, related_name="check_ins")
    at = models.DateTimeField()
    """By the clock of the gate's device, which may have been offline until `recorded_at`."""
    device = models.CharField(max_length=100, blank=True)
    nonce = models.CharField(max_length=100, blank=True)
    """The device's own name for this passage, so that a repeated report is the same one."""
    recorded_at = models.DateTimeField(default=timezone.now)
    undone_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["ticket"], condition=Q(undone_at=None), name="tickets_checkin_ticket"),
            models.UniqueConstraint(fields=["device", "nonce"], condition=~Q(nonce=""), name="tickets_checkin_nonce"),
        ]

    def __str__(self) -> str:
        place = f" at {self.device}" if self.device else ""
        return f"{in_words(at_venue(self.at, self.ticket.time_zone))}{place}"
