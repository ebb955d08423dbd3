"""Compare preview_projection with the rebuild that it foretells, in time and document by document.

    uv run python -m benchmarks.readmodel.preview [--tickets 100000] [--rounds 3]

The changed projection writes the titles of every tenth ticket in capitals. Each round takes the preview, then the
rebuild, as processes of their own with the changed code, and then the rebuild back. What the preview names has to be
what the rebuild changed, to the last document and value.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from typing import IO, Any

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.readmodel.rebuild import record_all
from benchmarks.readmodel.verify import index_all
from benchmarks.relay.memory import Run, measured
from benchmarks.servers import empty_servers, loaded_project

CHANGED = "benchmarks.readmodel.changed_settings"
PREVIEW = ("preview_projection", "tickets", "--json")
SAMPLE = "1000"
REBUILD = ("rebuild_readmodel", "tickets", "--keep", "0")
READ_AT_ONCE = 2_000

type Document = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tickets", type=int, default=100_000, help="tickets in the log (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="number of runs (default: %(default)s)")
    options = parser.parse_args()
    with loaded_project():
        record_all(options.tickets)
        index_all(options.tickets)
        print_runs(options.tickets, measure(options.rounds))
        empty_servers()


def measure(rounds: int) -> dict[str, list[Run]]:
    runs: dict[str, list[Run]] = defaultdict(list)
    for number in range(rounds):
        if number:
            run(*REBUILD, settings=os.environ["DJANGO_SETTINGS_MODULE"])
        before = {key: msgspec.json.encode(document) for key, document in documents()}
        with tempfile.TemporaryFile() as ignored, tempfile.TemporaryFile() as foretold:
            runs[f"preview of {SAMPLE}"].append(run(*PREVIEW, "--sample", SAMPLE, output=ignored))
            runs["preview"].append(run(*PREVIEW, output=foretold))
            runs["rebuild"].append(run(*REBUILD))
            foretold.seek(0)
            expect_exact(foretold, before)
    return runs


def run(*command: str, settings: str = CHANGED, output: IO[bytes] | int = subprocess.DEVNULL) -> Run:
    """Run a command of manage.py to its end."""
    variables = os.environ | {"DJANGO_SETTINGS_MODULE": settings}
    return measured((sys.executable, "manage.py", *command), env=variables, stdout=output)


def documents() -> Iterator[tuple[str, Document]]:
    """Yield all documents of the searched index, with their ids."""
    from django.conf import settings  # noqa: PLC0415
    from elasticsearch import Elasticsearch  # noqa: PLC0415
    from elasticsearch.helpers import scan  # noqa: PLC0415 (after the setup)

    with closing(Elasticsearch(settings.ELASTICSEARCH_URL, request_timeout=60)) as client:
        client.indices.refresh(index=settings.READMODEL_ALIAS)
        for hit in scan(client, index=settings.READMODEL_ALIAS, size=READ_AT_ONCE):
            yield hit["_id"], hit["_source"]


def expect_exact(foretold: IO[bytes], before: dict[str, bytes]) -> None:
    """Fail unless the changes that were foretold are those of the documents, and no others."""
    changes = {change["id"]: change["fields"] for change in map(msgspec.json.decode, foretold)}
    number = len(changes)
    for key, after in documents():
        earlier = msgspec.json.decode(before.pop(key))
        fields = {name: [earlier.get(name), after[name]] for name in after if earlier.get(name) != after[name]}
        if changes.pop(key, {}) != fields:
            raise RuntimeError(f"other changes than {fields} were foretold of {key}")
    if changes or before:
        raise RuntimeError(f"of {number:,} changes {len(changes):,} did not happen; {len(before):,} documents are gone")
    print(f"all of the {number:,} changes happened as they were foretold, and no others")


def print_runs(tickets: int, runs: dict[str, list[Run]]) -> None:
    table = Table("command", title=f"A changed projection of {tickets:,} tickets")
    for column in ("seconds", "tickets/s", "of the rebuild's time", "largest memory, MiB"):
        table.add_column(column, justify="right")
    seconds = {name: statistics.median(run.seconds for run in taken) for name, taken in runs.items()}
    for name, taken in seconds.items():
        rate = "" if name.endswith(SAMPLE) else f"{tickets / taken:,.0f}"
        peak = max(run.peak_mib for run in runs[name])
        table.add_row(name, f"{taken:.1f}", rate, f"{taken / seconds['rebuild']:.2f}", f"{peak:.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
