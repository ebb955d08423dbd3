"""Start the engines of this machine.

    with running_engines(data) as engines:
        os.environ |= {engine.variable: engine.url for engine in engines}

`manage.py up` and the tests start them only here.
"""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from config.engines.elasticsearch import Elasticsearch
from config.engines.engine import Engine
from config.engines.postgres import Postgres
from config.engines.valkey import Valkey
from config.supervisord.supervisor import Supervisor, owned, supervised

ENGINES: tuple[type[Engine], ...] = (Valkey, Postgres, Elasticsearch)


@contextmanager
def running_engines(data: Path, *, without: Collection[str] = ()) -> Iterator[list[Engine]]:
    """Run the engines on a data folder, and yield them once all are ready; raise CannotStart.

    `without` names the variables of servers that run elsewhere. All engines are stopped at the end of the block.
    """
    with starting_engines(data, without=without) as (_, ready):
        yield list(ready)


@contextmanager
def starting_engines(
    data: Path, *, without: Collection[str] = ()
) -> Iterator[tuple[Collection[Engine], Iterator[Engine]]]:
    """Do as `running_engines` does, but yield the engines at once, and an iterator over them that waits for each."""
    data = data.resolve()
    with owned(data):
        engines = install_engines(data, without=without)
        with supervised(data, programs=["engines"], variables=ports(engines)) as supervisor:
            yield engines, start_engines(engines, supervisor)


def install_engines(data: Path, *, without: Collection[str] = ()) -> list[Engine]:
    """Return the engines, installed and able to read the data; raise CannotStart."""
    wanted = [engine for engine in ENGINES if engine.variable not in without]
    for kind in wanted:
        kind.expect_packages()
    engines = [kind(data) for kind in wanted]
    for engine in engines:
        engine.install()
    return engines


def ports(engines: Iterable[Engine]) -> dict[str, str]:
    """Return the variables of engines.conf; the port of an engine that is not started here is 0."""
    unused = {_port_variable(engine): "0" for engine in ENGINES}
    return unused | {_port_variable(engine): str(engine.port) for engine in engines}


def _port_variable(engine: Engine | type[Engine]) -> str:
    return f"{engine.name.upper()}_PORT"


def start_engines(engines: Collection[Engine], supervisor: Supervisor) -> Iterator[Engine]:
    """Start all engines together; the iterator yields each when it is ready. Raise CannotStart, the iterator too."""
    for engine in engines:
        supervisor.start(_program(engine))
    return _each_when_ready(engines, supervisor)


def _each_when_ready(engines: Collection[Engine], supervisor: Supervisor) -> Iterator[Engine]:
    for engine in engines:
        supervisor.wait_until(partial(_is_ready, engine, supervisor), _program(engine))
        yield engine


def _is_ready(engine: Engine, supervisor: Supervisor) -> bool:
    """Ask the engine only when it has its port: the question has a password."""
    has_port = not engine.needs_port or supervisor.listens(_program(engine), engine.port)
    return has_port and engine.is_ready()


def prepare_next_start(engines: Iterable[Engine], supervisor: Supervisor) -> list[Engine]:
    """Make the next start of the running engines faster; return those for which there was anything to do."""
    return [engine for engine in engines if engine.prepare_next_start(supervisor.process_id(_program(engine)))]


def _program(engine: Engine) -> str:
    return f"engines:{engine.name}"
