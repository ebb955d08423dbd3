"""What is checked when a process starts; Elasticsearch itself may be down then."""

import re
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from readmodel.index import connect

# Elasticsearch takes more; what every index name derived from it can be is enough.
ALIAS = re.compile(r"[a-z0-9][a-z0-9._-]{0,199}")


@register
def check_url(**_: Any) -> Sequence[CheckMessage]:
    try:
        connect().close()
    except ValueError:  # its text may show the password
        hint = "It reads http://host:9200 or https://user:password@host:9200."
        return [Error("ELASTICSEARCH_URL is no URL of a server", hint=hint, id="readmodel.E001")]
    return []


@register
def check_alias(**_: Any) -> Sequence[CheckMessage]:
    if ALIAS.fullmatch(settings.READMODEL_ALIAS):
        return []
    hint = "Use a to z, 0 to 9, dots, hyphens and underscores, a letter or digit first."
    return [Error(f"READMODEL_ALIAS can't be {settings.READMODEL_ALIAS!r}", hint=hint, id="readmodel.E002")]
