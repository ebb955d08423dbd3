"""Know by their fingerprints the keys that have signed: with another key, entries of ours would look foreign.

This happens if the database is restored where another SECRET_KEY is set, or if one process has other settings. What
looks foreign is then not taken away, but consumers go on, from the log.
"""

from events.exceptions import UnknownSigningKey
from events.models import SigningKey
from events.stream.signing import stream_keys

REMEDY = (
    "write the key that signed before behind the new one, in EVENTS_STREAM_KEYS or SECRET_KEY_FALLBACKS; "
    "if it is lost, run manage.py reset_stream"
)


def is_known() -> bool:
    """Tell whether the database knows the key with which this process signs, or none at all yet."""
    known = _known()
    return not known or stream_keys()[0].fingerprint in known


def register() -> None:
    """Let the database know the key that signs here, if it knows another key of this process, or none at all."""
    known = _known()
    if not known or not known.isdisjoint(key.fingerprint for key in stream_keys()):
        accept()


def accept() -> None:
    """Let the database know the key that signs here, whatever it was before."""
    SigningKey.objects.get_or_create(fingerprint=stream_keys()[0].fingerprint)


def expect_known() -> None:
    """Raise UnknownSigningKey if the database does not know the key that signs here, nor one that it follows."""
    register()
    if not is_known():
        raise UnknownSigningKey(f"{UnknownSigningKey.__doc__} To go on, {REMEDY}.")


def _known() -> set[str]:
    return set(SigningKey.objects.values_list("fingerprint", flat=True))
