"""The project's own attributes for every envelope (a tenant, a release), from the setting EVENTS_METADATA.

They are extension attributes of CloudEvents: fields of the entry on the stream, one JSON object in the log.
"""

import re
from collections.abc import Mapping

from django.utils.module_loading import import_string

from events.conf import conf
from events.envelope import ATTRIBUTES
from events.exceptions import MetadataRefused
from events.texts.storable import storable

NAME = re.compile(r"[a-z0-9]{1,20}")
# CloudEvents reserve data_base64 for binary data.
TAKEN = ATTRIBUTES | {"data_base64"}
ADDED_BY_THE_FEED = {"partition", "position"}


def collect_extensions() -> dict[str, str] | None:
    """Return the project's attributes, None if it has none; raise MetadataRefused for attributes that don't fit."""
    if not conf.metadata:
        return None
    attributes = import_string(conf.metadata)()
    if not isinstance(attributes, Mapping):
        raise MetadataRefused(f"{conf.metadata} returned {attributes!r} instead of a dict of names and texts")
    for name, value in attributes.items():
        _refuse_malformed(name, value)
    return dict(attributes) or None


def _refuse_malformed(name: object, value: object) -> None:
    if not (isinstance(name, str) and NAME.fullmatch(name)):
        reason = "a name must have 1 to 20 lower-case ASCII letters and digits"
    elif name in TAKEN:
        reason = "the envelope already has an attribute of this name"
    elif name in ADDED_BY_THE_FEED:
        reason = "the feed adds an attribute of this name"
    elif not (isinstance(value, str) and value):
        reason = f"its value is {value!r}; it must be text, and be left out if it is empty"
    elif value != storable(value):
        reason = f"its value is {value!r}, which a database can't store"
    else:
        return
    raise MetadataRefused(f"{conf.metadata} returned {name!r}: {reason}")
