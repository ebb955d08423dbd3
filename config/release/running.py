"""Tell what the running processes do not know of the new code: events that it writes, and the key that signs them."""

from collections.abc import Iterator

from config.release.step import Step
from events.groups.members import is_seen
from events.groups.ownership import known_events
from events.models import Member, SigningKey
from events.relay import signing_keys
from events.stream.signing import stream_keys

CONSUMERS_FIRST = (
    "start the new consumers before the new web server and workers: an event of an unknown version holds up a "
    "consumer, and one of an unknown type passes it by"
)
KNOWN_FIRST = (
    "let all running processes know it first: write it behind the key that signs now, in EVENTS_STREAM_KEYS or "
    "SECRET_KEY_FALLBACKS, and deploy that"
)


def check_events() -> Iterator[Step]:
    """Yield a step for each running consumer that does not know an event of the new code."""
    ours = set(known_events().split())
    for member in Member.objects.filter(is_seen()).order_by("group", "id"):
        name = f"{member.id} of {member.group}"
        if not member.known_events:
            found = f"{name} is of an earlier release, which does not say which events it knows"
            yield Step("events", found, CONSUMERS_FIRST)
        elif unknown := sorted(ours - set(member.known_events.split())):
            yield Step("events", f"{name} does not know {', '.join(unknown)}", CONSUMERS_FIRST)


def check_signing_key() -> Iterator[Step]:
    """Yield a step if the key has not signed yet: processes that do not know it take its entries for foreign ones."""
    key = stream_keys()[0]
    if not signing_keys.is_known():
        is_first_of_several = any(
            SigningKey.objects.filter(fingerprint=other.fingerprint).exists() for other in stream_keys()
        )
        remedy = KNOWN_FIRST if is_first_of_several else signing_keys.REMEDY
        yield Step("signing key", f"{key.id} has not signed yet", remedy, is_survived=False)
