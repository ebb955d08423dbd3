#!/usr/bin/env python3
"""Run the project's commands; `manage.py help` lists them."""

import os
import sys

from config.first_process import end_when_asked

if __name__ == "__main__":
    end_when_asked()

# Afterwards, since it takes long to load.
from django.core.management import CommandError, execute_from_command_line


def main() -> None:
    """Run a command, unless a setting is wrong.

    Ours say by themselves that the database does not answer; for Django's it is said here.
    """
    from config.environment.refusal import refuse_wrong_settings_of  # noqa: PLC0415 (they need the settings' name)
    from events.management.unavailable import database_is_needed  # noqa: PLC0415

    refuse_wrong_settings_of(sys.argv)
    try:
        with database_is_needed():
            execute_from_command_line(sys.argv)
    except CommandError as error:
        if "--traceback" in sys.argv:
            raise
        sys.exit(f"CommandError: {error}")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    main()
