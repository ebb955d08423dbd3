#!/usr/bin/env python3
"""Run the project's commands; `manage.py help` lists them."""

import os
import sys

from config.first_process import end_at_interrupt, end_when_asked, raise_at_interrupt
from config.loading import nothing_collected

if __name__ == "__main__":
    end_when_asked()
    end_at_interrupt()

# Afterwards, since it takes long to load.
with nothing_collected():
    from django.core.management import CommandError, execute_from_command_line


def main() -> None:
    """Run a command, unless a setting is wrong.

    Ours say by themselves that the database does not answer; for Django's it is said here.
    """
    with nothing_collected():
        from config.environment.refusal import refuse_wrong_settings_of  # noqa: PLC0415 (they need the settings' name)
        from events.management.streams import print_traceback  # noqa: PLC0415 (as above)
        from events.management.unavailable import database_is_needed  # noqa: PLC0415

        sys.excepthook = print_traceback
        refuse_wrong_settings_of(sys.argv)
    raise_at_interrupt()
    try:
        with database_is_needed():
            _run(sys.argv)
    except CommandError as error:
        if "--traceback" in sys.argv:
            raise
        sys.exit(f"CommandError: {error}")


def _run(command: list[str]) -> None:
    if command[1:2] != ["up"]:
        execute_from_command_line(command)
        return
    # Django would load all models first, which `up` does without; at a first start that takes a second.
    from config.management.commands.up import Command  # noqa: PLC0415

    Command().run_from_argv(command)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    main()
