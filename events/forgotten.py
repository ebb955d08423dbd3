"""The list of forgotten persons: keyed hashes, in a file outside of the database, and in a table.

A backup that is restored has the persons again, and lacks what was forgotten since. The file tells: relay and consumers
wait while it has a forgetting that the table lacks. The table, in turn, can write the file again. See docs/adr/0019.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cache
from hashlib import blake2b
from itertools import batched
from pathlib import Path
from uuid import UUID

import msgspec
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone
from uuid_utils.compat import uuid7

from events.conf import conf, named
from events.exceptions import EventError, PeopleReturned
from events.models import Forgetting

KEY_BYTES = 64
DIGEST_BYTES = 32
OWNER_ONLY = 0o600
IDS_AT_ONCE = 500
AGAIN = "run manage.py forget_person --again"


class ListDamaged(EventError):
    """The list of forgotten persons can't be read: restore it, or move it away and run forget_person --again."""


class ForgottenPerson(msgspec.Struct, frozen=True):
    """A line of the list: one forgetting, the id of the key, and the person's hash by that key."""

    id: UUID
    key: str
    digest: str
    at: datetime


class HashKey:
    """A secret by which persons are hashed. Neither its `repr` nor its id shows the secret."""

    def __init__(self, secret: str) -> None:
        self._derived = blake2b(secret.encode(), person=b"forgotten", digest_size=KEY_BYTES).digest()
        self.id = blake2b(self._derived, person=b"fingerprint", digest_size=8).hexdigest()

    def digest(self, identity: str) -> str:
        """Return the hash of an identity in its normal form."""
        return blake2b(identity.encode(), key=self._derived, digest_size=DIGEST_BYTES).hexdigest()


def hash_keys() -> tuple[HashKey, ...]:
    """Return the keys of EVENTS_FORGOTTEN_KEYS, or of SECRET_KEY and its fallbacks; the first one hashes."""
    return _hash_keys(tuple(conf.forgotten_keys) or (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


@cache
def _hash_keys(secrets: tuple[str, ...]) -> tuple[HashKey, ...]:
    return tuple(map(HashKey, secrets))


def list_file() -> Path:
    """Return the path of the file; raise ImproperlyConfigured if there is none."""
    if not conf.forgotten_file:
        raise ImproperlyConfigured(f"{named('EVENTS_FORGOTTEN_FILE')} is empty: name a file outside of the database")
    return Path(conf.forgotten_file)


def begin(identity: str) -> Forgetting:
    """Note that the person, given in the normal form, is to be forgotten; go on with an attempt that was interrupted.

    The table comes first: a row without a line has redacted nothing yet, but a line without a row stops all processes.
    The line is on the disk when this returns.
    """
    digests = [key.digest(identity) for key in hash_keys()]
    begun = Forgetting.objects.filter(digest__in=digests, finished_at=None).order_by("id").first()
    key = hash_keys()[0]
    begun = begun or Forgetting.objects.create(id=uuid7(), key=key.id, digest=digests[0])
    write_missing([begun])
    return begun


def is_begun(identity: str) -> bool:
    """Tell whether a forgetting of the person, given in the normal form, was interrupted."""
    digests = [key.digest(identity) for key in hash_keys()]
    return Forgetting.objects.filter(digest__in=digests, finished_at=None).exists()


def finish(forgetting: Forgetting) -> None:
    """Note that it is done; a restored table may not have the row yet."""
    known = {"key": forgetting.key, "digest": forgetting.digest, "begun_at": forgetting.begun_at}
    Forgetting.objects.update_or_create(id=forgetting.id, defaults={**known, "finished_at": timezone.now()})


def write_missing(rows: Iterable[Forgetting]) -> int:
    """Append the lines that the file lacks of these rows; return how many."""
    known = {line.id for line in lines()}
    missing = [ForgottenPerson(row.id, row.key, row.digest, row.begun_at) for row in rows if row.id not in known]
    if missing:
        _append(missing)
    return len(missing)


def lines() -> list[ForgottenPerson]:
    """Return the lines of the file, none if it does not exist; raise ListDamaged."""
    if not conf.forgotten_file:
        return []
    try:
        text = list_file().read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ListDamaged(f"{ListDamaged.__doc__} ({error.strerror}: {conf.forgotten_file})") from error
    return list(_parsed(text))


def returned() -> list[ForgottenPerson]:
    """Return the forgettings of the file that the table lacks: the database was restored from a backup."""
    found = lines()
    known: set[UUID] = set()
    for ids in batched((line.id for line in found), IDS_AT_ONCE, strict=False):
        known |= set(Forgetting.objects.filter(id__in=ids).values_list("id", flat=True))
    return [line for line in found if line.id not in known]


def unfinished() -> int:
    return Forgetting.objects.filter(finished_at=None).count()


def missing_in_file() -> int:
    """Return how many forgettings the table has and the file lacks."""
    known = {line.id for line in lines()}
    return sum(found not in known for found in Forgetting.objects.values_list("id", flat=True).iterator())


def unknown_keys() -> set[str]:
    """Return the ids of keys with which persons of the list were hashed, and which the settings do not have."""
    return {line.key for line in lines()} - {key.id for key in hash_keys()}


def expect_nobody_returned() -> None:
    """Raise PeopleReturned if the database has persons again who were forgotten after its backup; ListDamaged."""
    if found := returned():
        raise PeopleReturned(f"{PeopleReturned.__doc__} ({len(found):,} forgettings; {AGAIN})")


def _parsed(text: bytes) -> Iterator[ForgottenPerson]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line:
            continue
        try:
            yield msgspec.json.decode(line, type=ForgottenPerson)
        except msgspec.DecodeError as error:
            if "truncated" not in str(error):  # A process that was killed within a line has redacted nothing yet.
                raise ListDamaged(f"{ListDamaged.__doc__} (line {number} of {conf.forgotten_file})") from error


def _append(people: Iterable[ForgottenPerson]) -> None:
    """Append lines, for the owner's eyes only; they are on the disk when this returns."""
    path = list_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    text = b"".join(msgspec.json.encode(person) + b"\n" for person in people)
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, OWNER_ONLY)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        size = os.fstat(file).st_size
        is_torn = size > 0 and os.pread(file, 1, size - 1) != b"\n"
        os.write(file, b"\n" * is_torn + text)
        os.fsync(file)
    finally:
        os.close(file)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Let the file's name survive a crash too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
