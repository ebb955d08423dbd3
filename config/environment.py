"""Read environment variables, and note what is wrong, so that a process can report all of it at once."""

import logging
import sys
from collections.abc import Callable, Mapping
from typing import Any

import environ
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured

from events.texts.numbers import decimal_number, whole_number

WEB_TAG = "web"
"""The checks of settings that would fail each request, or open a door."""

SWITCHES = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


NUMBERS: Mapping[Any, Callable[[str], object]] = {int: whole_number, float: lambda text: float(decimal_number(text))}
"""How numbers are read, in place of Python's ways."""


class Environment(environ.Env):  # type: ignore[misc]
    """A variable with a wrong value has its default, and a sentence in `wrong`; config/checks.py shows them."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: dict[str, str] = {}

    def get_value(self, var: str, cast: Any = None, default: Any = environ.Env.NOTSET, **options: Any) -> Any:
        strict = NUMBERS.get(cast, cast)
        try:
            return super().get_value(var, cast=strict, default=default, **options)
        except (ValueError, ImproperlyConfigured) as error:
            if default is self.NOTSET:
                raise
            self.wrong[var] = str(error)
            return default

    def switch(self, var: str, *, default: bool) -> bool:
        return bool(self.get_value(var, cast=_switch, default=default))

    def log_level(self, var: str, *, default: str) -> str:
        return str(self.get_value(var, cast=_log_level, default=default))


def _switch(text: str) -> bool:
    try:
        return SWITCHES[text.strip().lower()]
    except KeyError:
        raise ValueError(f"write true or false, not {text!r}") from None


def _log_level(text: str) -> str:
    level = text.strip().upper()
    if level not in logging.getLevelNamesMapping():
        raise ValueError(f"{text!r} is no level; write DEBUG, INFO, WARNING or ERROR")
    return level


def refuse_wrong_settings() -> None:
    """End the process, with a sentence for each setting that the web server can't use."""
    if wrong := run_checks(tags=[WEB_TAG]):
        in_order = sorted(wrong, key=lambda error: error.id or "")  # Django runs the checks in any order.
        sys.exit("\n".join(error.msg for error in in_order))
