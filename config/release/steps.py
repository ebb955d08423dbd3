"""Put all steps of a release together."""

from collections.abc import Iterator

from config.release.files import check_settings, check_static_files
from config.release.indices import check_indices
from config.release.migrations import check_migrations
from config.release.running import check_events, check_signing_key
from config.release.step import Step
from events.processes.migrations import missing_migrations

AGAIN = Step(
    "running processes",
    "what they know is in tables that the database does not have yet",
    "run manage.py check_release again after the migrations",
)


def steps_of_release() -> Iterator[Step]:
    """Yield what to do, in the order in which to do it; raise RetryLater if Elasticsearch does not answer."""
    yield from check_settings()
    yield from check_static_files()
    yield from check_migrations()
    if missing_migrations("events"):
        yield AGAIN
    else:
        yield from check_signing_key()
        yield from check_events()
    yield from check_indices()
