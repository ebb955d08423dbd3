"""Compare preview_projection with the rebuild that it foretells, in time and document by document.

    uv run python -m benchmarks.readmodel.preview [--tickets 100000] [--rounds 3]

The changed projection writes the titles of every tenth ticket in capitals. Each round takes the preview, then the
rebuild back and forth. What the preview names has to be what the rebuild changed, to the last document and value.
"""

import argparse
import io
import statistics
import time
from contextlib import closing
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.readmodel.rebuild import fill
from benchmarks.servers import empty_servers, loaded_project

CHANGED = "benchmarks.readmodel.changed_projection.Capitals"
READ_AT_ONCE = 2_000

type Documents = dict[str, dict[str, Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tickets", type=int, default=100_000, help="tickets in the log (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="number of runs (default: %(default)s)")
    options = parser.parse_args()
    with loaded_project():
        fill(options.tickets)
        measure(options.tickets, options.rounds)
        empty_servers()


def measure(tickets: int, rounds: int) -> None:
    from django.conf import settings  # noqa: PLC0415 (after the setup)
    from django.test import override_settings  # noqa: PLC0415

    deployed = settings.READMODEL_PROJECTIONS
    seconds: dict[str, list[float]] = {"preview_projection": [], "rebuild_readmodel": []}
    for _ in range(rounds):
        before = documents()
        with override_settings(READMODEL_PROJECTIONS=[CHANGED, *deployed[1:]]):
            foretold = run("preview_projection", seconds, json=True)
            run("rebuild_readmodel", seconds, keep=0)
        expect_exact(foretold, before, documents())
        run("rebuild_readmodel", seconds, keep=0)
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    table = Table("command", title=f"A changed projection of {tickets:,} tickets")
    for column in ("seconds", "tickets/s", "of the rebuild's time"):
        table.add_column(column, justify="right")
    for name, taken in medians.items():
        share = taken / medians["rebuild_readmodel"]
        table.add_row(name, f"{taken:.1f}", f"{tickets / taken:,.0f}", f"{share:.2f}")
    Console().print(table)


def run(command: str, seconds: dict[str, list[float]], **options: Any) -> str:
    from django.core.management import call_command  # noqa: PLC0415 (after the setup)

    out = io.StringIO()
    started = time.perf_counter()
    call_command(command, stdout=out, **options)
    seconds[command].append(time.perf_counter() - started)
    return out.getvalue()


def documents() -> Documents:
    """Return all documents of the searched index."""
    from django.conf import settings  # noqa: PLC0415
    from elasticsearch import Elasticsearch  # noqa: PLC0415
    from elasticsearch.helpers import scan  # noqa: PLC0415 (after the setup)

    with closing(Elasticsearch(settings.ELASTICSEARCH_URL, request_timeout=60)) as client:
        client.indices.refresh(index=settings.READMODEL_ALIAS)
        hits = scan(client, index=settings.READMODEL_ALIAS, size=READ_AT_ONCE)
        return {hit["_id"]: hit["_source"] for hit in hits}


def expect_exact(foretold: str, before: Documents, after: Documents) -> None:
    changes = {change["id"]: change["fields"] for change in map(msgspec.json.decode, foretold.splitlines())}
    changed = {
        key: {name: [source[name], after[key][name]] for name in source if source[name] != after[key][name]}
        for key, source in before.items()
        if source != after[key]
    }
    if changes != changed:
        raise RuntimeError(f"{len(changes):,} changes were foretold, {len(changed):,} happened, or others")


if __name__ == "__main__":
    main()
