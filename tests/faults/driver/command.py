"""Read the command line, start the servers, and run schedules on them.

The modules that load Django are imported later: it reads its settings from the environment, which the servers fill.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django

from tests.faults.driver.servers import Servers
from tests.faults.driver.watchdog import watched
from tests.memory import write_in_memory

BYTECODE = Path(__file__).parents[3] / ".pytest_cache" / "bytecode"
NO_SERVERS = {"SECRET_KEY": "none" * 8, "DATABASE_URL": "sqlite://:memory:"}


def main() -> None:
    options = _options()
    _keep_bytecode()
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    if options.list or options.table:
        set_up_without_servers()
        from tests.faults.driver import report  # noqa: PLC0415 (see above)

        return report.print_report(options)
    with data_folder() as folder:
        sys.exit(_run(options, folder))


def set_up_without_servers() -> None:
    """Set up Django for what only prints."""
    os.environ.update(NO_SERVERS)
    django.setup()


@contextmanager
def data_folder() -> Iterator[Path]:
    """Make a folder in memory for the servers' data, and name it in DATA_DIR; no process outlives the block."""
    write_in_memory()
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user.
        os.environ["DATA_DIR"] = name
        with watched(folder):
            yield folder


def _keep_bytecode() -> None:
    """Begin again with a folder for bytecode, if Python may write none: compiling takes each process seconds."""
    if sys.dont_write_bytecode:
        del os.environ["PYTHONDONTWRITEBYTECODE"]
        os.environ["PYTHONPYCACHEPREFIX"] = str(BYTECODE)
        os.execv(sys.executable, (sys.executable, "-m", "tests.faults.driver", *sys.argv[1:]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.driver")
    parser.add_argument("--schedules", type=int, default=20, help="how many schedules to run")
    parser.add_argument("--seed", type=int, default=1, help="the seed of the first one; the next have the next seeds")
    parser.add_argument("--fault", default="", help="let each schedule begin with this fault")
    parser.add_argument("--cover", action="store_true", help="run the few schedules that have every fault and step")
    parser.add_argument("--try-checker", action="store_true", help="spoil everything at last; the checker must notice")
    parser.add_argument("--only", default="", metavar="SEED", help="run one schedule again, such as 17 or cover-1.3")
    parser.add_argument("--list", action="store_true", help="print the schedules, and run nothing")
    parser.add_argument("--results", type=Path, help="append each result to this file, as a line of JSON")
    parser.add_argument("--table", type=Path, nargs="+", help="print the table of such files, and run nothing")
    parser.add_argument("--logs", type=Path, help="keep the processes' logs of failed schedules in this folder")
    parser.add_argument("--soak", action="store_true", help="run no schedules, but a steady load with restarts")
    parser.add_argument("--minutes", type=float, default=60, help="how long the soak lasts")
    parser.add_argument("--rate", type=float, default=20, help="how many changes a second the soak makes")
    return parser.parse_args()


def _run(options: argparse.Namespace, folder: Path) -> int:
    servers = Servers(folder)
    with servers.running():
        os.environ.update(servers.environment())
        from tests.faults.driver import matrix  # noqa: PLC0415 (see above)

        return matrix.run(options, servers)
