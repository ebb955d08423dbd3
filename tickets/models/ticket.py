"""Define tickets and their changes; each change records an event where the state changes.

In:   issue(), cancel(), check_in(), from the REST views, the admin and the import.
Out:  the changed rows, and record(*events), in one unit of work.
Next: events/recording/collector.py
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, NoReturn, Unpack

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Replace, Upper
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop
from django_fsm import FSMField, FSMModelMixin, TransitionNotAllowed, transition
from uuid_utils.compat import uuid7

from events import record, unit_of_work
from tickets.events import (
    TicketCanceled,
    TicketCheckedIn,
    TicketCheckInUndone,
    TicketEvent,
    TicketIssued,
    TicketReinstated,
    TicketState,
    TicketUpdated,
)
from tickets.exceptions import DeletionRefused, TransitionRefused
from tickets.models.check_in import CheckIn, Passage, refusal_at_gate
from tickets.models.details import HISTORIES, Correction, Status, TicketDetails, TicketFields, validated_reason
from tickets.models.queries import TicketQuerySet, taken_code
from tickets.values.defaults import default_time_zone
from tickets.values.fields import AddressField, LineField, PriceField, VenueTimeField
from tickets.values.money import MOST_DECIMALS, as_written
from tickets.values.validators import (
    validate_code,
    validate_currency,
    validate_instant,
    validate_text,
    validate_time_zone,
)


class Ticket(FSMModelMixin, models.Model):
    """A place at an event for one holder. Each change raises the version by one and records an event."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    code = LineField(
        gettext_lazy("code"),
        max_length=20,
        unique=True,
        blank=True,
        validators=[validate_code],
        help_text=gettext_lazy("Made where none is given."),
    )
    code_key = models.GeneratedField(
        expression=Upper(Replace("code", Value("-"), Value(""))),
        output_field=models.CharField(max_length=20),
        db_persist=True,
    )
    """What key_of() returns for the code."""
    code_twin = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    """0, except where earlier releases have issued several codes with the same key."""
    title = LineField(gettext_lazy("title"), max_length=200, validators=[validate_text])
    venue = LineField(gettext_lazy("venue"), max_length=200, validators=[validate_text])
    starts_at = VenueTimeField(gettext_lazy("starts at"), validators=[validate_instant])
    time_zone = models.CharField(
        gettext_lazy("time zone"),
        max_length=50,
        blank=True,
        default="",
        db_default="",
        validators=[validate_time_zone],
        help_text=gettext_lazy("The venue's, for example Europe/Berlin. Without one it is TICKETS_TIME_ZONE."),
    )
    seat = LineField(gettext_lazy("seat"), max_length=50, blank=True, validators=[validate_text])
    holder_name = LineField(gettext_lazy("holder name"), max_length=200, validators=[validate_text])
    holder_email = AddressField(gettext_lazy("holder email"))
    price = PriceField(
        gettext_lazy("price"), max_digits=11, decimal_places=MOST_DECIMALS, validators=[MinValueValidator(0)]
    )
    currency = models.CharField(
        gettext_lazy("currency"),
        max_length=3,
        validators=[validate_currency],
        help_text=gettext_lazy("ISO 4217, for example EUR."),
    )
    status = FSMField(gettext_lazy("status"), max_length=20, choices=Status, default=Status.ISSUED, protected=True)
    replaces = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, editable=False, related_name="replacement"
    )
    version = models.PositiveIntegerField(gettext_lazy("version"), default=1, editable=False)
    created_at = models.DateTimeField(gettext_lazy("created at"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(gettext_lazy("updated at"), default=timezone.now, editable=False)

    objects = TicketQuerySet.as_manager()

    class Meta:
        verbose_name = gettext_lazy("ticket")
        verbose_name_plural = gettext_lazy("tickets")
        ordering = ["-id"]
        required_db_features = ("supports_stored_generated_columns",)
        permissions = [
            ("cancel_ticket", gettext_noop("Can cancel ticket")),
            ("reinstate_ticket", gettext_noop("Can reinstate a canceled ticket")),
            ("check_in_ticket", gettext_noop("Can check in ticket")),
            ("undo_check_in_ticket", gettext_noop("Can undo a ticket's check-in")),
            ("export_ticket", gettext_noop("Can export tickets")),
        ]
        indexes = [  # For the filters of the REST interface.
            models.Index(Upper("holder_email"), name="tickets_ticket_email"),
            models.Index(fields=["starts_at", "id"], name="tickets_ticket_starts_at"),
            models.Index(fields=["venue", "starts_at"], name="tickets_ticket_venue"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["code_key", "code_twin"], name="tickets_ticket_spelling"),
            models.CheckConstraint(condition=Q(price__gte=0), name="tickets_ticket_price"),
            models.CheckConstraint(condition=Q(version__gte=1), name="tickets_ticket_version"),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="tickets_ticket_status"),
        ]

    def __str__(self) -> str:
        return str(self.code)

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any], **options: Any) -> "Ticket":
        """Read a row; its price has the currency's decimals, and its time zone is never empty."""
        ticket = super().from_db(db, field_names, values, **options)
        if not ticket.get_deferred_fields():
            ticket.normalize()
        return ticket

    @classmethod
    def issue(cls, **fields: Unpack[TicketFields]) -> "Ticket":
        """Issue a ticket; raise ValidationError, which names the invalid fields, and write nothing in that case."""
        return cls.issue_many([fields])[0]

    @classmethod
    def issue_many(cls, tickets: Iterable[TicketFields]) -> list["Ticket"]:
        """Issue all of the tickets, or none and raise ValidationError."""
        drafts = [cls.draft(**fields) for fields in tickets]
        cls.issue_drafts(drafts)
        return drafts

    @classmethod
    def draft(cls, **fields: Unpack[TicketFields]) -> "Ticket":
        """Return a valid ticket that is not issued yet; its code may be taken. Raise ValidationError."""
        ticket = cls(**fields, status=Status.ISSUED, version=1)
        ticket.validate()
        ticket.remember_replacement(None)
        return ticket

    @classmethod
    def issue_drafts(cls, drafts: Sequence["Ticket"]) -> None:
        """Issue tickets that draft() made; raise ValidationError if a code is taken."""
        with unit_of_work():
            cls.objects.insert(drafts)
            record(*(TicketIssued(ticket=ticket.state()) for ticket in drafts))

    def update(self, **changes: Unpack[Correction]) -> list[str]:
        """Change the holder or the seat of an issued ticket, and return the names of the fields that are different now.

        Raise ValidationError, and otherwise as cancel() does.
        """
        corrected = self.copy(**changes)
        changed = [name for name in changes if getattr(corrected, name) != getattr(self, name)]
        if changed:
            with unit_of_work():
                values = {name: getattr(corrected, name) for name in changed}
                [row] = self._change([self], partial(Ticket._to_corrected, corrections=values), changed)
                record(TicketUpdated(ticket=row.state(), changed=changed))
            self.take_over(row)
        return changed

    def cancel(self, reason: str = "", **corrections: Unpack[Correction]) -> "Ticket":
        """Cancel an issued ticket and return its replacement, which has the same details, but a new id and code.

        `corrections` are the replacement's. Raise ValidationError, TransitionRefused if the ticket is already canceled
        or checked in, and ConcurrentChange if it has changed since it was read.
        """
        return self.cancel_many([self], reason, **corrections)[0]

    @classmethod
    def cancel_many(
        cls, tickets: Sequence["Ticket"], reason: str = "", **corrections: Unpack[Correction]
    ) -> list["Ticket"]:
        """Cancel all of the tickets and return their replacements in the same order, or raise as cancel() does."""
        reason = validated_reason(reason)
        with unit_of_work():
            canceled = cls._change(tickets, cls._to_canceled, ["status"])
            replacements = [ticket.copy(**corrections) for ticket in canceled]
            cls.objects.insert(replacements)
            record(*_cancellations(canceled, replacements, reason))
        for ticket, row, replacement in zip(tickets, canceled, replacements, strict=True):
            ticket.take_over(row)
            replacement.replaces = ticket
        return replacements

    def void(self, reason: str = "") -> None:
        """Cancel an issued ticket without a replacement; raise as cancel() does."""
        reason = validated_reason(reason)
        with unit_of_work():
            [row] = self._change([self], Ticket._to_canceled, ["status"])
            record(TicketCanceled(ticket=row.state(), reason=reason))
        self.take_over(row)

    def reinstate(self, reason: str = "") -> None:
        """Make a canceled ticket valid again, and cancel its replacement, which keeps no link to this ticket.

        Raise TransitionRefused if the ticket is not canceled, was canceled too long ago
        (TICKETS_REINSTATE_SECONDS), or if its replacement is checked in or canceled; and ConcurrentChange.
        """
        reason = validated_reason(reason)
        with unit_of_work():
            replacements = list(type(self).objects.filter(replaces=self))
            type(self).objects.lock([self, *replacements])  # Both at once, in the order of their ids.
            voided = self._change(replacements, Ticket._to_superseded, ["status", "replaces"])
            [row] = self._change([self], Ticket._to_reinstated, ["status"])
            record(*(TicketCanceled(ticket=ticket.state(), reason=reason) for ticket in voided))
            record(TicketReinstated(ticket=row.state(), reason=reason))
        self.take_over(row)
        self.remember_replacement(None)

    def check_in(self, passage: Passage | None = None) -> None:
        """Check in an issued ticket; raise AlreadyCheckedIn, AlreadyCanceled or ConcurrentChange."""
        self.check_in_many([self], passage)

    @classmethod
    def check_in_many(cls, tickets: Sequence["Ticket"], passage: Passage | None = None) -> None:
        """Check in all of the tickets, or raise as check_in() does. Without a passage it is now, and at no gate."""
        passage = passage or Passage()
        with unit_of_work():
            checked_in = cls._change(tickets, cls._to_checked_in, ["status"], refusal_at_gate)
            CheckIn.objects.bulk_create(passage.of(ticket) for ticket in checked_in)
            record(*(TicketCheckedIn(ticket=row.state(), device=passage.device, at=passage.at) for row in checked_in))
        for ticket, row in zip(tickets, checked_in, strict=True):
            ticket.take_over(row)

    def undo_check_in(self, reason: str = "") -> None:
        """Make a ticket that is checked in usable again; raise TransitionRefused or ConcurrentChange."""
        reason = validated_reason(reason)
        with unit_of_work():
            [row] = self._change([self], Ticket._to_usable, ["status"])
            self.check_ins.filter(undone_at=None).update(undone_at=row.updated_at)
            record(TicketCheckInUndone(ticket=row.state(), reason=reason))
        self.take_over(row)

    @classmethod
    def _change(
        cls,
        tickets: Sequence["Ticket"],
        change: Callable[["Ticket"], None],
        names: Sequence[str],
        refusal: Callable[["Ticket"], TransitionRefused] | None = None,
    ) -> list["Ticket"]:
        """Lock, change and return the tickets' rows; the given tickets stay unchanged until everything is written.

        `names` are the fields that `change` gives the same values in all of the rows, `refusal` makes the error for a
        ticket whose status does not allow the change.
        """
        rows = cls.objects.lock(tickets)
        now = timezone.now()
        for row in rows:
            try:
                change(row)
            except TransitionNotAllowed as error:
                raise (refusal or Ticket._refusal)(row) from error
            row.version += 1
            row.updated_at = now
        if rows:
            values = {name: getattr(rows[0], name) for name in names}
            changed = cls.objects.filter(id__in=[row.id for row in rows])
            changed.update(**values, version=F("version") + 1, updated_at=now)
        return rows

    @transition(field=status, source=Status.ISSUED, target=Status.CANCELED)
    def _to_canceled(self) -> None: ...

    @transition(field=status, source=Status.ISSUED, target=Status.CHECKED_IN)
    def _to_checked_in(self) -> None: ...

    @transition(field=status, source=Status.CHECKED_IN, target=Status.ISSUED)
    def _to_usable(self) -> None: ...

    @transition(field=status, source=Status.ISSUED, target=Status.ISSUED)
    def _to_corrected(self, corrections: dict[str, Any]) -> None:
        self.__dict__ |= corrections

    @transition(field=status, source=Status.ISSUED, target=Status.CANCELED)
    def _to_superseded(self) -> None:
        self.replaces = None

    @transition(field=status, source=Status.CANCELED, target=Status.ISSUED)
    def _to_reinstated(self) -> None:
        seconds = settings.TICKETS_REINSTATE_SECONDS
        if timezone.now() > self.updated_at + timedelta(seconds=seconds):
            limit = _("It was canceled more than %(seconds)s s ago: issue a new ticket.") % {"seconds": seconds}
            message = _("ticket %(code)s can't be reinstated. %(why)s") % {"code": self.code, "why": limit}
            raise TransitionRefused(message, outline=limit)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:  # noqa: ARG002 (Django's signature)
        raise DeletionRefused

    def details(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in TicketDetails.__annotations__}

    def copy(self, **corrections: Unpack[Correction]) -> "Ticket":
        """Return the ticket's replacement, not issued yet: the same details under a new id, but for the corrections.

        Raise ValidationError; only the corrections are checked, as rules may have changed since it was issued.
        """
        copy = Ticket(**self.details() | corrections, replaces_id=self.id)
        if corrections:
            copy.clean_fields(exclude=set(Ticket.details(self)) - set(corrections) | {"status", "replaces"})
        copy.remember_replacement(None)
        return copy

    def remember_replacement(self, replacement: "Ticket | None") -> None:
        """Save the query for the replacement where it is known, or where there is none."""
        type(self)._meta.get_field("replacement").set_cached_value(self, replacement)

    def last_check_in(self) -> CheckIn | None:
        """Return the check-in that was not undone."""
        return self.check_ins.filter(undone_at=None).first()

    def _refusal(self) -> TransitionRefused:
        return TransitionRefused(
            self.history(), outline=_("The ticket is already %(status)s.") % {"status": self.get_status_display()}
        )

    def history(self) -> str:
        """Return a sentence that explains to a person why the ticket can't be changed in this way."""
        facts: dict[str, object] = {"code": self.code}
        text = str(HISTORIES[Status(self.status)])
        if self.status == Status.CHECKED_IN and (passage := self.last_check_in()):
            facts["passage"] = passage
            text = _("ticket %(code)s is already checked in, %(passage)s")
        if self.status == Status.CANCELED and (replacement := type(self).objects.filter(replaces=self).first()):
            facts["replacement"] = replacement
            text = _("ticket %(code)s is already canceled; its replacement is %(replacement)s")
        return text % facts

    def state(self) -> TicketState:
        """Return the state that the ticket's events carry."""
        fields = {name: getattr(self, name) for name in TicketState.__struct_fields__ if name != "replaces"}
        return TicketState(**fields, replaces=self.replaces_id)

    def take_over(self, row: "Ticket") -> None:
        """Copy what was written, past the status's protection: the locked row has made the transition."""
        names = ("status", "version", "updated_at", "replaces_id", *Correction.__annotations__)
        self.__dict__ |= {name: row.__dict__[name] for name in names}

    def clean(self) -> None:
        """Refuse a code that a ticket has in another spelling; forms call this, and compare the codes as written."""
        if similar := type(self).objects.with_code(self.code).exclude(id=self.id).exclude(code=self.code).first():
            raise ValidationError({"code": taken_code(similar.code)})

    def validate(self) -> None:
        """Check each field, and convert the values to those that the database will hold."""
        self.clean_fields(exclude={"status", "replaces"})
        self.normalize()

    def normalize(self) -> None:
        self.price = as_written(self.price, self.currency)
        self.time_zone = self.time_zone or default_time_zone()


def _cancellations(canceled: Iterable[Ticket], replacements: Iterable[Ticket], reason: str) -> Iterable[TicketEvent]:
    for ticket, replacement in zip(canceled, replacements, strict=True):
        yield TicketCanceled(ticket=ticket.state(), new_ticket_id=replacement.id, reason=reason)
        yield TicketIssued(ticket=replacement.state())
