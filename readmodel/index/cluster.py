"""Examine settings of the cluster that searches need."""

from collections.abc import Iterator

from readmodel.index.client import EXPENSIVE_QUERIES, Client, errors_translated

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
