"""Check the settings of the web server at start-up."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

from config.web.addresses import trusted_proxies


@register
def check_trusted_proxies(**_: Any) -> Sequence[CheckMessage]:
    try:
        trusted_proxies()
    except ImproperlyConfigured as error:
        return [Error(str(error), id="config.E001")]
    return []
