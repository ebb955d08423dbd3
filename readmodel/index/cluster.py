"""Examine the cluster: settings that searches need, and shards without a copy."""

from collections.abc import Iterator, Sequence

from readmodel.index.client import EXPENSIVE_QUERIES, Client, errors_translated
from readmodel.index.notes import Target

KINDS = ("transient", "persistent", "defaults")
"""The settings of the cluster, the strongest first; the last are of elasticsearch.yml."""


def examine(client: Client) -> Iterator[tuple[str, str]]:
    """Yield what keeps searches from working, and how to fix it."""
    with errors_translated():
        found = client.cluster.get_settings(include_defaults=True, filter_path=f"*.{EXPENSIVE_QUERIES}").body
    values = [found[kind]["search"]["allow_expensive_queries"] for kind in KINDS if found.get(kind)]
    if values and values[0] == "false":
        yield (
            f"the cluster refuses searches: {EXPENSIVE_QUERIES} is false",
            "set it to true, with PUT /_cluster/settings or in elasticsearch.yml",
        )


def examine_copies(client: Client, targets: Sequence[Target]) -> Iterator[tuple[str, str]]:
    """Yield each index that has a shard of which no node has a copy, and what to do."""
    with errors_translated():
        names = [target.name for target in targets]
        found = client.cluster.health(index=names, level="indices", filter_path="indices.*.status").body
    for name in names:
        if found.get("indices", {}).get(name, {}).get("status") == "red":
            yield (
                f"no node has all shards of {name}, which can't be searched or written",
                "start the nodes of Elasticsearch that have them; if they are lost, delete the index: manage.py "
                "consume_events readmodel fills a new one from the log",
            )
