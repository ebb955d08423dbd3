"""Start the servers, run rounds on them, and print what each kind of fault has shown.

The modules that load Django are imported later: it reads its settings from the environment, which the servers fill.
"""

import argparse
import os
import secrets
import sys
import tempfile
from pathlib import Path

import django

from config.engines.running import running_engines
from tests.memory import write_in_memory
from tests.network.elasticsearch_cluster import running_search_cluster

SEARCH_SERVER = "ELASTICSEARCH_URL"


def main() -> None:
    options = _options()
    write_in_memory()
    with tempfile.TemporaryDirectory(prefix="nodes-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user.
        with running_engines(folder / "engines", without={SEARCH_SERVER}) as engines:
            os.environ |= {engine.variable: engine.administrator_url for engine in engines}
            with running_search_cluster(folder) as cluster:
                os.environ |= _environment(folder, cluster.url)
                django.setup()
                from tests.faults.nodes.trial import Trial  # noqa: PLC0415 (see above)

                sys.exit(Trial(cluster, seed=options.seed).run(options.rounds, first=options.first))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.nodes")
    parser.add_argument("--rounds", type=int, default=9, help="how many faults, each kind in its turn (default: 9)")
    parser.add_argument("--seed", type=int, default=1, help="the seed that chooses the nodes")
    parser.add_argument("--first", default="", help="begin with the fault whose name begins like this")
    return parser.parse_args()


def _environment(folder: Path, url: str) -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATA_DIR": str(folder),
        "SECRET_KEY": secrets.token_urlsafe(),
        "HTTPS_ONLY": "false",
        "LOG_LEVEL": "ERROR",
        SEARCH_SERVER: url,
        "READMODEL_AUDIT_PER_SECOND": "0",  # It would repair what is lost.
    }


if __name__ == "__main__":
    main()
