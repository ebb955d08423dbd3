"""Write the environment variables as tables of docs/reference/settings.md."""

from collections.abc import Collection, Iterator
from itertools import groupby

from config.environment.variables import FILE, Variable

BEGIN = "<!-- `make docs` writes what follows, from config/settings. -->"
END = "<!-- end of what it writes -->"
SECTIONS = (
    "Basics",
    "Tracing",
    "The database",
    "Events",
    "The read model",
    "Tickets",
    "Who can reach the web server",
    "What a web process takes on",
    "Options of the web server",
    "Metrics",
)
HEADER = "| variable | type | default | meaning | example |\n|---|---|---|---|---|"


def tables(variables: Collection[Variable]) -> Iterator[str]:
    """Yield a table for each section."""
    in_order = sorted(variables, key=lambda variable: SECTIONS.index(variable.section))
    for section, found in groupby(in_order, key=lambda variable: variable.section):
        rows = "\n".join(map(_row, found))
        yield f"## {section}\n\n{HEADER}\n{rows}\n"


def _row(variable: Variable) -> str:
    name = f"`{variable.name}`" + (f", `{variable.name}{FILE}`" if variable.is_secret else "")
    example = f"`{variable.example}`" if variable.example else ""
    return f"| {name} | {variable.kind} | {_default(variable)} | {variable.meaning} | {example} |".replace("  |", " |")


def _default(variable: Variable) -> str:
    if variable.default_is:
        return variable.default_is
    match variable.default:
        case bool():
            return f"`{str(variable.default).lower()}`"
        case int() | float():
            return f"{variable.default:,g}" if isinstance(variable.default, float) else f"{variable.default:,}"
        case "":
            return "none"
    return f"`{variable.default}`"


def with_tables(page: str, text: str) -> str:
    """Return the page with other tables between its two comments."""
    before, begin, rest = page.partition(BEGIN)
    return f"{before}{begin}\n\n{text}\n{END}{rest.partition(END)[2]}"
