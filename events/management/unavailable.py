"""Say in one line that a command can't work without its database; a traceback would hide that."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ImproperlyConfigured, ObjectDoesNotExist
from django.core.management.base import CommandError
from django.db import Error, InterfaceError, OperationalError

from events import database
from events.conf import named
from events.exceptions import PartitionsMissing

UNCONFIGURED = "django.db.backends.dummy"
MISSING_TABLE = "42P01"
MISSING_TABLE_OF_SQLITE = "no such table"


@contextmanager
def database_is_needed() -> Iterator[None]:
    """Raise CommandError if there is no database, or if it lacks a table or a partition; leave other errors alone."""
    try:
        yield
    except ImproperlyConfigured as error:
        if database.connection().settings_dict["ENGINE"] != UNCONFIGURED:
            raise
        raise CommandError(f"no database is configured. Set {named('DATABASES')}.") from error
    except ObjectDoesNotExist as error:
        from events.models import Partition  # noqa: PLC0415 (only now Django is certainly set up)

        if not isinstance(error, Partition.DoesNotExist):
            raise
        raise CommandError(
            "the log has fewer partitions than when this began: it was restored from a backup. Run this again."
        ) from error
    except Error as error:
        if not (sentence := _sentence(error)):
            raise
        raise CommandError(sentence) from error


def _sentence(error: Error) -> str:
    reason = str(error).partition("\n")[0]
    if isinstance(error, PartitionsMissing):
        return reason
    if MISSING_TABLE_OF_SQLITE in reason or getattr(error.__cause__, "sqlstate", None) == MISSING_TABLE:
        return f"the database lacks a table: {reason}. Run {database.migrate_command()}."
    if isinstance(error, OperationalError | InterfaceError):
        return f"the database {_place()} does not answer: {reason}. Start it, or correct {named('DATABASES')}."
    return ""


def _place() -> str:
    """Return where the database should be, without the user and the password."""
    settings = database.connection().settings_dict
    if not settings["HOST"]:
        return str(settings["NAME"])
    return f"at {settings['HOST']}, port {settings['PORT']}," if settings["PORT"] else f"at {settings['HOST']}"
