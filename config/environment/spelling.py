"""Find variables of the environment that look like ours, but are none."""

from collections.abc import Collection, Iterator
from difflib import get_close_matches

OF_OPENTELEMETRY = "OTEL_"
OURS = ("EVENT_", "EVENTS_", "READMODEL_")
LIKENESS = 0.86
"""From 0 to 1: high enough to leave alone what other programs and Kubernetes call their variables."""
LIKENESS_OF_OURS = 0.75


def misspelt(given: Collection[str], known: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield each name that is not known with the known one that it resembles."""
    for name in sorted(set(given) - set(known)):
        if name.startswith(OF_OPENTELEMETRY):
            continue  # It reads more variables than we do.
        likeness = LIKENESS_OF_OURS if name.startswith(OURS) else LIKENESS
        if close := get_close_matches(name.upper(), known, n=1, cutoff=likeness):
            yield name, close[0]
