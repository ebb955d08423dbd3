"""Take former data out of the stream: delete it, and fill it from the redacted log."""

from collections.abc import Iterator
from contextlib import suppress
from operator import attrgetter

from django.utils.translation import gettext as _

from events.database import atomic
from events.exceptions import Diverged
from events.groups import checkpoint
from events.groups.ownership import take_from_owner
from events.log.partitions import all_partitions
from events.operations.forgetting.redaction import raise_generation
from events.personal_data import Person, Sighting, texts_in
from events.relay import signing_keys
from events.relay.divergence import expect_no_lost_event, expect_undiverged, is_own
from events.relay.flush import sweep
from events.stream.interface import Entry, Stream

ENTRIES_AT_ONCE = 500
BEGINNING = "0"


def expect_own(stream: Stream) -> None:
    """Raise Diverged, StreamUnavailable or UnknownSigningKey if the streams must not be deleted now."""
    signing_keys.expect_known()
    for partition in all_partitions():
        expect_undiverged(partition.number)
        if not is_own(partition.number, stream.tail(partition.number)):
            expect_no_lost_event(stream, partition.number)


def fence() -> None:
    """Let no process settle or park any more what it read before."""
    for partition in all_partitions():
        with atomic():  # One for each partition, as in reset_group.
            raise_generation({partition.number})
            for group in sorted(checkpoint.groups_of(partition.number)):
                take_from_owner(group, partition.number)


def refill(stream: Stream) -> None:
    """Delete the streams, and append the redacted events; safe to repeat. Raise as `expect_own` does.

    All events get their positions: the process that has recorded one could append what it has in memory otherwise.
    """
    expect_own(stream)
    for partition in all_partitions():
        number = partition.number
        stream.delete(number)
        for group, position in _lowest_checkpoints(number).items():
            stream.create_group(number, group, after=min(position, partition.last_position))
        with suppress(Diverged):
            sweep(stream, number)


def _lowest_checkpoints(partition: int) -> dict[str, int]:
    """Return each group's lowest checkpoint: its targets pass over what they read again."""
    from_highest = sorted(checkpoint.of_partition(partition), key=attrgetter("position"), reverse=True)
    return {found.group: found.position for found in from_highest}


def sightings(stream: Stream, person: Person) -> Iterator[Sighting]:
    """Search all entries, ours and foreign ones; raise StreamUnavailable."""
    for partition in all_partitions():
        place, after = _("stream %(name)s") % {"name": stream.key(partition.number)}, BEGINNING
        while entries := stream.entries(partition.number, after=after, count=ENTRIES_AT_ONCE):
            after = entries[-1].id
            found = [entry for entry in entries if _has(entry, person)]
            yield Sighting(place, len(entries), [{"id": entry.id, **_fields(entry)} for entry in found])


def _fields(entry: Entry) -> dict[str, str]:
    return entry.envelope.to_fields() if entry.envelope else dict(entry.fields)


def _has(entry: Entry, person: Person) -> bool:
    return any(person.occurs_in(text) for text in texts_in(_fields(entry)))
