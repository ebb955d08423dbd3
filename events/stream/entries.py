"""Write envelopes as signed entries of Redis, and believe only entries that verify."""

from collections.abc import Iterable
from itertools import chain

import msgspec

from events.envelope import MAC, Envelope
from events.measuring.catalogue import REJECTED
from events.stream.interface import Entry
from events.stream.signing import Signatures
from events.stream.tail import Tail

type RawEntry = tuple[str, dict[str, str]]
"""An entry's id and its fields."""
_encode = msgspec.json.Encoder().encode


def encoded(signatures: Signatures, envelopes: Iterable[Envelope]) -> bytes:
    """Return the entries as the script takes them: for each, the arguments of XADD after the key."""
    return _encode([_arguments_of(signatures, envelope) for envelope in envelopes])


def _arguments_of(signatures: Signatures, envelope: Envelope) -> list[str]:
    position = envelope.position or 0
    fields = envelope.to_fields()
    signatures.sign(position, fields)
    return [f"{position}-0", *chain.from_iterable(fields.items())]


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
