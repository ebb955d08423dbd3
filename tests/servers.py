"""Choose the servers of the tests before the settings are read.

A run of tests/unit or tests/simulation alone has no server; its database is SQLite. Any other run has PostgreSQL,
Valkey and Elasticsearch, started here unless DATABASE_URL, EVENT_STREAM_URL or ELASTICSEARCH_URL name others. The user
of Valkey may do anything there; the role of PostgreSQL may only create databases besides. In a run of whole folders a
few processes share the files and one Elasticsearch; each has a PostgreSQL and a Valkey of its own, which it may harm.
`-n 0` keeps all in one process.
"""

import argparse
import atexit
import gc
import os
import secrets
import signal
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from tests.memory import write_in_memory

WITHOUT_SERVERS = (Path(__file__).parent / "unit", Path(__file__).parent / "simulation")
BYTECODE = Path(__file__).parent.parent / ".pytest_cache" / "bytecode"
URLS = ("DATABASE_URL", "EVENT_STREAM_URL", "ELASTICSEARCH_URL")
NOBODY_LISTENS = "127.0.0.1:1"
SHARED = ("-n", "3", "--dist", "loadfile", "--no-loadscope-reorder")
"""One process more than CI has cores: much of the time the tests wait for what they have started, once for a file."""
SHARED_WITHOUT_SERVERS = ("-n", "2", "--dist", "worksteal")
OBJECTS_PER_COLLECTION = 20_000

_started = ExitStack()
_ready: list[Iterator[Any]] = []
"""Yields each server that was started here, once it is ready."""
atexit.register(_started.close)  # Also where a conftest that can't be imported ends the run before it began.


def _keep_bytecode() -> None:
    """Keep bytecode elsewhere if Python may write none beside the sources: compiling takes each process seconds."""
    if sys.dont_write_bytecode:
        sys.dont_write_bytecode = False
        sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"] = str(BYTECODE)
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


gc.disable()  # Until all tests are collected: what is made for them stays.
signal.signal(signal.SIGINT, signal.default_int_handler)  # In a shell's background it is ignored, also by children.
write_in_memory()
_keep_bytecode()  # Now: pytest imports the plugins of installed packages next.


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> Generator[None]:
    os.environ["SECRET_KEY"] = secrets.token_urlsafe()
    os.environ["HTTPS_ONLY"] = "false"  # The tests' clients come by plain HTTP.
    data = Path(_started.enter_context(tempfile.TemporaryDirectory(prefix="tests-")))
    os.environ["DATA_DIR"] = str(data)  # A running `manage.py up` is somebody's: the tests leave its servers alone.
    options = early_config.known_args_namespace
    without_servers = needs_no_server(options)
    if _shares_the_work(options):
        args[:] = [*(SHARED_WITHOUT_SERVERS if without_servers else SHARED), *args]
        if not without_servers:
            _start_servers(data, without={"DATABASE_URL", "EVENT_STREAM_URL"})
    elif without_servers:
        os.environ["DATABASE_URL"] = f"sqlite:///{data / 'unit.sqlite3'}"
        os.environ["EVENT_STREAM_URL"] = f"redis://{NOBODY_LISTENS}/tickets"
        os.environ["ELASTICSEARCH_URL"] = f"http://{NOBODY_LISTENS}"
    else:
        _start_servers(data, without=_named())
    return (yield)


def _asked(options: argparse.Namespace) -> list[Path]:
    return [Path(argument.partition("::")[0]).resolve() for argument in options.file_or_dir]


def needs_no_server(options: argparse.Namespace) -> bool:
    asked = _asked(options)
    return options.collectonly or bool(asked and all(any(map(path.is_relative_to, WITHOUT_SERVERS)) for path in asked))


def _shares_the_work(options: argparse.Namespace) -> bool:
    """Tell whether this process hands the tests out to others."""
    is_one_of_the_others = "PYTEST_XDIST_WORKER" in os.environ
    has_a_choice = options.numprocesses is None and not options.collectonly and not _named()
    return not is_one_of_the_others and has_a_choice and all(path.is_dir() for path in _asked(options))


def _named() -> set[str]:
    return {name for name in URLS if os.environ.get(name)}


def _start_servers(data: Path, *, without: set[str]) -> None:
    from config.engines.running import starting_engines  # noqa: PLC0415 (unit tests alone need no Java)

    engines, ready = _started.enter_context(starting_engines(data, without=without))
    for engine in engines:
        os.environ[engine.variable] = engine.administrator_url
    _ready.append(ready)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """Wait for the servers, which start while the tests are collected; collect garbage seldom from now on.

    The loaded modules, which stay until the end, are exempt.
    """
    gc.freeze()
    gc.set_threshold(OBJECTS_PER_COLLECTION)
    gc.enable()
    for engine in chain.from_iterable(_ready):
        if engine.name == "postgres":
            _suit_the_tests(engine)


def _suit_the_tests(postgres: Any) -> None:
    with postgres.administrator("postgres") as session:
        session.execute("ALTER ROLE tickets CREATEDB")  # For the database of the tests.
        session.execute("ALTER SYSTEM SET fsync = off")  # Processes are killed here, machines are not.
        session.execute("SELECT pg_reload_conf()")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slowest, so that no process is left alone with them at the end."""
    items.sort(key=lambda item: "acceptance" not in item.path.parts)


def pytest_unconfigure() -> None:
    _started.close()
