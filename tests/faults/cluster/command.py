"""Read the command line, start the servers, and strike the cluster in rounds under load.

The modules that load Django are imported later: it reads its settings from the environment, which the servers fill.
"""

import argparse
import os
import sys
from pathlib import Path

from tests.faults.cluster.servers import ClusterServers
from tests.faults.driver.command import data_folder, set_up_without_servers


def main() -> None:
    options = _options()
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    if options.table or options.list:
        set_up_without_servers()
        from tests.faults.cluster import rounds  # noqa: PLC0415 (see above)

        return rounds.print_report(options)
    with data_folder() as folder:
        sys.exit(_run(options, folder))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.cluster")
    parser.add_argument("--rounds", type=int, default=20, help="how many rounds to run")
    parser.add_argument("--seed", type=int, default=1, help="the seed of the first one; the next have the next seeds")
    parser.add_argument("--fault", default="", help="let each round begin with this fault")
    parser.add_argument("--list", action="store_true", help="print the rounds, and run nothing")
    parser.add_argument("--results", type=Path, help="append each result to this file, as a line of JSON")
    parser.add_argument("--table", type=Path, nargs="+", help="print the table of such files, and run nothing")
    parser.add_argument("--logs", type=Path, help="keep the processes' logs of failed rounds in this folder")
    return parser.parse_args()


def _run(options: argparse.Namespace, folder: Path) -> int:
    servers = ClusterServers(folder)
    with servers.running():
        os.environ.update(servers.environment())
        from tests.faults.cluster import rounds  # noqa: PLC0415 (see above)

        return rounds.run(options, servers)
