"""Issue one ticket, or all of a list; the problem names each wrong field of each wrong ticket."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.core import exceptions
from rest_framework.exceptions import ValidationError
from rest_framework.fields import get_error_detail

from tickets.api.serializers import TicketSerializer
from tickets.models import Ticket

MOST_AT_ONCE = 1_000
WRONG_NUMBER = f"Send 1 to {MOST_AT_ONCE:,} tickets at once."


def issue(body: Any) -> Sequence[Ticket]:
    """Issue the ticket or the tickets of a request's body; raise ValidationError, and issue none in that case."""
    drafts = _drafts(body) if isinstance(body, list) else [_draft(TicketSerializer(), body)]
    Ticket.issue_drafts(drafts)
    return drafts


def _drafts(bodies: Sequence[Any]) -> Sequence[Ticket]:
    if not 1 <= len(bodies) <= MOST_AT_ONCE:
        raise ValidationError([WRONG_NUMBER])
    serializer, drafts = TicketSerializer(), []
    errors: dict[str, Any] = {}
    for index, body in enumerate(bodies):
        try:
            drafts.append(_draft(serializer, body))
        except ValidationError as error:
            errors |= dict(_named(index, error.detail))
    if errors:
        raise ValidationError(errors)
    return drafts


def _draft(serializer: TicketSerializer, body: Any) -> Ticket:
    try:
        return Ticket.draft(**serializer.run_validation(body))
    except exceptions.ValidationError as error:
        raise ValidationError(get_error_detail(error)) from error


def _named(index: int, detail: Any) -> Iterator[tuple[str, Any]]:
    """Name the fields of a ticket by its place in the list too: 0.title; a null has none."""
    fields = detail if isinstance(detail, Mapping) else {"non_field_errors": detail}
    yield from ((f"{index}.{name}", messages) for name, messages in fields.items())
