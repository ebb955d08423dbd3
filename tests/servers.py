"""The servers of the tests, chosen before the settings are read.

Only tests/unit asked for: no server, the database is SQLite. Else: PostgreSQL, Valkey and Elasticsearch, started here
unless DATABASE_URL, EVENT_STREAM_URL or ELASTICSEARCH_URL name others.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

import pytest

UNIT = Path(__file__).parent / "unit"
URLS = ("DATABASE_URL", "EVENT_STREAM_URL", "ELASTICSEARCH_URL")
NOBODY_LISTENS = "127.0.0.1:1"

_started = ExitStack()


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    os.environ["SECRET_KEY"] = secrets.token_urlsafe()
    data = Path(_started.enter_context(tempfile.TemporaryDirectory(prefix="tests-")))
    os.environ["DATA_DIR"] = str(data)  # A running `manage.py up` is somebody's: the tests leave its servers alone.
    options = early_config.known_args_namespace
    asked = [Path(argument.partition("::")[0]).resolve() for argument in options.file_or_dir]
    if options.collectonly or (asked and all(path.is_relative_to(UNIT) for path in asked)):
        os.environ["DATABASE_URL"] = f"sqlite:///{data / 'unit.sqlite3'}"
        os.environ["EVENT_STREAM_URL"] = f"redis://{NOBODY_LISTENS}/tickets"
        os.environ["ELASTICSEARCH_URL"] = f"http://{NOBODY_LISTENS}"
    else:
        _start_servers(data)
    return (yield)


def _start_servers(data: Path) -> None:
    from config.engines.running import running_engines  # noqa: PLC0415 (unit tests alone need no Java)

    named = {name for name in URLS if os.environ.get(name)}
    os.environ.update(_started.enter_context(running_engines(data, without=named)))


def pytest_report_header() -> str:
    """Say on what the stream is tested: a Redis that is not there must not go unnoticed."""
    redis = shutil.which("redis-server")
    return f"servers of the stream: valkey, {redis or 'no redis-server (apt-get install redis-server adds Redis 7.0)'}"


def pytest_unconfigure() -> None:
    _started.close()
