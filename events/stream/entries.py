"""Write envelopes as signed entries of Redis, and believe only entries that verify."""

from itertools import chain

from events.envelope import MAC, Envelope
from events.measuring.catalogue import REJECTED
from events.stream.interface import Entry
from events.stream.signing import Signatures
from events.stream.tail import Tail

type RawEntry = tuple[str, dict[str, str]]
"""An entry's id and its fields."""


def arguments_of(signatures: Signatures, envelope: Envelope) -> list[str | int]:
    """Return the script's arguments for an entry: its position, and its signed fields."""
    position = envelope.position or 0
    fields = envelope.to_fields()
    signatures.sign(position, fields)
    return [position, 2 * len(fields), *chain.from_iterable(fields.items())]


def entry_of(signatures: Signatures, entry_id: str, fields: dict[str, str]) -> Entry:
    """Return the entry; one that does not verify has no envelope."""
    position, _, sequence = entry_id.partition("-")
    is_believed = sequence == "0" and signatures.verify(int(position), fields)
    envelope = _envelope(int(position), fields) if is_believed else None
    if envelope:
        return Entry(entry_id, envelope)
    REJECTED.add(1, "event" if is_believed else "mac")
    return Entry(entry_id, None, {name: text for name, text in fields.items() if name != MAC})


def own_tail(signatures: Signatures, entry_id: str, fields: dict[str, str]) -> Tail | None:
    """Return the place of an entry that we have signed, in this generation or a later one; None for any other."""
    position, _, sequence = entry_id.partition("-")
    is_signed = sequence == "0" and signatures.verify_later(int(position), fields)
    envelope = _envelope(int(position), fields) if is_signed else None
    return Tail(int(position), str(envelope.id)) if envelope else None


def _envelope(position: int, fields: dict[str, str]) -> Envelope | None:
    try:
        return Envelope.from_fields(fields, position)
    except (KeyError, ValueError):  # It was not signed, and is not an event.
        return None
