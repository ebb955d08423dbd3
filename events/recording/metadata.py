"""Attributes of the project's own that stand in every envelope (a tenant, a release), from the setting EVENTS_METADATA.

They are extension attributes of CloudEvents: flat on the stream, one JSON object in the log.
"""

import re
from collections.abc import Mapping

from django.utils.module_loading import import_string

from events.conf import conf
from events.envelope import ATTRIBUTES
from events.exceptions import MetadataRefused

NAME = re.compile(r"[a-z0-9]{1,20}")
# CloudEvents keeps it for binary data.
TAKEN = ATTRIBUTES | {"data_base64"}


def collect_extensions() -> dict[str, str] | None:
    """Ask the project for its attributes, None if it has none now; raise MetadataRefused for what can't be carried."""
    if not conf.metadata:
        return None
    attributes = import_string(conf.metadata)()
    if not isinstance(attributes, Mapping):
        raise MetadataRefused(f"{conf.metadata} returned {attributes!r}; it must return a dict of names and texts")
    for name, value in attributes.items():
        _refuse_malformed(name, value)
    return dict(attributes) or None


def _refuse_malformed(name: object, value: object) -> None:
    if not (isinstance(name, str) and NAME.fullmatch(name)):
        reason = "a name is 1 to 20 lower-case letters and digits of ASCII"
    elif name in TAKEN:
        reason = "the envelope has an attribute of this name already"
    elif not (isinstance(value, str) and value):
        reason = f"its value is {value!r}; it must be text, and left out where there is none"
    else:
        return
    raise MetadataRefused(f"{conf.metadata} returned {name!r}: {reason}")
