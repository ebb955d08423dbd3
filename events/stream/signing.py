"""Sign the entries of the stream, and verify them: whoever can write to Redis has none of our keys.

The MAC of an entry covers the key's id, the stream's name, the partition, its generation, the entry's position and all
other fields. So an entry that was altered, moved, taken from another stream, or repeated after a reset does not verify.
The first key signs and all verify, so that keys can be rotated.
"""

import hmac
import re
from collections.abc import MutableMapping
from functools import cache
from hashlib import blake2b

import msgspec
from django.conf import settings

from events.conf import conf
from events.envelope import MAC
from events.models import Partition

KEY_BYTES = 64
DIGEST_BYTES = 16
DIGEST_CHARACTERS = 2 * DIGEST_BYTES
GENERATION = re.compile(rf"\w+\.(\d{{1,18}})\.\w{{{DIGEST_CHARACTERS}}}", re.ASCII)

# MessagePack writes the length of each text and of each list before it, so different entries have different encodings.
_encode = msgspec.msgpack.Encoder().encode


class StreamKey:
    """A secret that signs. Neither its `repr`, its id nor its fingerprint shows the secret."""

    def __init__(self, secret: str) -> None:
        self._derived = blake2b(secret.encode(), person=b"events stream", digest_size=KEY_BYTES).digest()
        self.fingerprint = blake2b(self._derived, person=b"fingerprint", digest_size=DIGEST_BYTES).hexdigest()
        self.id = self.fingerprint[:8]

    def begin(self, *place: str | int) -> "blake2b":
        """Return a digest that has read the place of a partition's entries; a copy of it reads an entry."""
        begun = blake2b(key=self._derived, digest_size=DIGEST_BYTES)
        begun.update(_encode((self.id, *place)))
        return begun


def stream_keys() -> tuple[StreamKey, ...]:
    """Return the keys of EVENTS_STREAM_KEYS, or of SECRET_KEY and its fallbacks; the first one signs."""
    return _stream_keys(tuple(conf.stream_keys) or (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


@cache
def _stream_keys(secrets: tuple[str, ...]) -> tuple[StreamKey, ...]:
    return tuple(map(StreamKey, secrets))


class Signatures:
    """Signs and verifies the entries of a stream's partition, as of one generation of the partition.

    Entries below `signed_from` may be unsigned: they were appended before entries were signed.
    """

    def __init__(self, stream: str, partition: int, *, generation: int, signed_from: int = 0) -> None:
        self.stream = stream
        self.partition = partition
        self.generation = generation
        self.signed_from = signed_from
        self._begun = {f"{key.id}.{generation}.": key.begin(stream, partition, generation) for key in stream_keys()}
        self._prefix = next(iter(self._begun))

    @classmethod
    def current(cls, stream: str, partition: int) -> "Signatures":
        """Read the partition's generation from the database."""
        row = Partition.objects.values_list("generation", "signed_from").get(number=partition)
        return cls(stream, partition, generation=row[0], signed_from=row[1])

    def sign(self, position: int, fields: MutableMapping[str, str]) -> None:
        """Add the MAC to an entry's fields."""
        fields[MAC] = self._prefix + _digest(self._begun[self._prefix], position, fields)

    def verify(self, position: int, fields: MutableMapping[str, str]) -> bool:
        """Tell whether the entry is ours, and of this generation."""
        mac = fields.pop(MAC, None)
        if mac is None:
            return position < self.signed_from
        try:
            begun = self._begun.get(prefix := mac[:-DIGEST_CHARACTERS])
            if begun is None or not mac.isascii():
                return False
            return hmac.compare_digest(prefix + _digest(begun, position, fields), mac)
        finally:
            fields[MAC] = mac

    def verify_later(self, position: int, fields: MutableMapping[str, str]) -> bool:
        """Tell as `verify` does, but believe later generations too: a restored database does not know them any more."""
        match = GENERATION.fullmatch(fields.get(MAC, ""))
        generation = max(int(match[1]) if match else 0, self.generation)
        later = Signatures(self.stream, self.partition, generation=generation, signed_from=self.signed_from)
        return later.verify(position, fields)


def _digest(begun: "blake2b", position: int, fields: MutableMapping[str, str]) -> str:
    digest = begun.copy()
    digest.update(_encode((position, fields)))
    return digest.hexdigest()
