"""Write the metrics as a table of docs/reference/metrics.md."""

from collections.abc import Iterator

from config.metrics.families import FAMILIES
from config.metrics.observing import observed
from events.measuring.instruments import Counter, Histogram, instruments

BEGIN = "<!-- `make docs` writes what follows, from the code. -->"
HEADER = "| metric | type | labels | meaning |\n|---|---|---|---|"


def table() -> str:
    """Return what is read when Prometheus asks, and then what is counted when it happens."""
    observed()  # It loads all instruments.
    read, counted = "\n".join(_of_families()), "\n".join(_of_instruments())
    return f"## Read from the servers\n\n{HEADER}\n{read}\n\n## Counted by each process\n\n{HEADER}\n{counted}\n"


def with_table(page: str) -> str:
    """Return the page with another table at its end."""
    return f"{page.partition(BEGIN)[0]}{BEGIN}\n\n{table()}"


def _of_families() -> Iterator[str]:
    for name, family in FAMILIES.items():
        kind = "counter" if name.endswith("_total") else "gauge"
        yield _row(name, kind, family.labels, family.documentation)


def _of_instruments() -> Iterator[str]:
    for found in instruments():
        kind = "counter" if isinstance(found, Counter) else "histogram" if isinstance(found, Histogram) else "gauge"
        yield _row(found.name, kind, found.labels, found.documentation)


def _row(name: str, kind: str, labels: tuple[str, ...], documentation: str) -> str:
    return f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels) or 'none'} | {documentation} |"
