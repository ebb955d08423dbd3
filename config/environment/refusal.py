"""End a process at its start, with a sentence for everything that is wrong with its settings.

    python -m config.environment.refusal

It reads nothing but the settings: no server is asked.
"""

import os
import sys
from collections.abc import Iterator

import django
from django.apps import apps
from django.core.checks import run_checks

from events.texts.printable import printable

WRONG_SETTINGS = 78
"""The exit code, EX_CONFIG of sysexits.h: to start again is of no use before somebody has changed a setting."""
WITHOUT_SERVERS = frozenset(
    {
        "check_event_schemas",
        "collectstatic",
        "compilemessages",
        "event_catalogue",
        "makemessages",
        "restart_web",
        "settings_table",
        "up",
    }
)
"""The commands that do without a database and a secret."""
WITHOUT_MODELS = frozenset({"up"})
"""The commands that load no models, which the checks of the settings need; `up` has config/up/preparation.py check."""
HELP = frozenset({"help", "version", "--help", "-h", "--version"})


def refuse_wrong_settings(*, needs_servers: bool = True, needs_models: bool = True) -> None:
    """End the process unless all settings can be used; warn of variables that look like ours."""
    from django.conf import settings  # noqa: PLC0415 (read here, not before somebody needs them)

    for name, known in settings.UNKNOWN_VARIABLES:
        sys.stderr.write(f"{_on_one_line(name)} is not a setting; did you mean {known}?\n")
    if wrong := [*(_wrong() if needs_models else ()), *(_missing() if needs_servers else ())]:
        sys.stderr.write("".join(f"{_on_one_line(sentence)}\n" for sentence in wrong))
        sys.exit(WRONG_SETTINGS)


def refuse_wrong_settings_of(command: list[str]) -> None:
    """Do so for the command line of manage.py; help is always given."""
    if len(command) > 1 and not HELP & set(command):
        refuse_wrong_settings(
            needs_servers=command[1] not in WITHOUT_SERVERS, needs_models=command[1] not in WITHOUT_MODELS
        )


def _on_one_line(sentence: str) -> str:
    """Return a sentence whose quoted path or value begins no other line."""
    return printable(sentence).replace("\n", "\\n")


def _wrong() -> Iterator[str]:
    if not apps.ready:
        django.setup()
    from events.checks import SETTINGS_TAG  # noqa: PLC0415 (the checks register themselves, and need the models)

    # Django runs them in any order.
    for error in sorted(run_checks(tags=[SETTINGS_TAG]), key=lambda error: error.id or ""):
        yield f"{error.msg}. {error.hint}" if error.hint else error.msg


def _missing() -> Iterator[str]:
    from django.conf import settings  # noqa: PLC0415 (as above)

    for name, remedy in settings.MISSING_VARIABLES.items():
        yield f"{name} is missing: {remedy}"


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    refuse_wrong_settings()
