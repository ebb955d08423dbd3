"""The code can be read along the way of an event: each module says which is next."""

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NEXT = re.compile(r"^Next: (\S+)$", re.MULTILINE)


def test_the_next_lines_lead_from_the_models_to_the_search() -> None:
    way = ["tickets/models.py"]
    while found := NEXT.search((ROOT / way[-1]).read_text()):
        way.append(found[1])

    assert way == [
        "tickets/models.py",
        "events/collector.py",
        "events/outbox.py",
        "events/relay.py",
        "events/stream.py",
        "events/consumer.py",
        "events/targets.py",
        "events/progress.py",
        "events/delivery.py",
        "readmodel/subscriber.py",
        "readmodel/projections.py",
        "readmodel/index.py",
        "readmodel/search.py",
    ]


def test_the_how_to_names_all_that_the_events_need_in_another_project() -> None:
    [stated] = re.findall(r"Install what they import:(.+)", (ROOT / "docs/how-to.md").read_text())
    imported = {name for module in (ROOT / "events").rglob("*.py") for name in packages_of(module)}
    needed = imported - sys.stdlib_module_names - {"events", "asgiref"}  # Django brings asgiref.

    assert set(re.findall(r"`(.+?)`", stated)) == {name.replace("_", "-") for name in needed}


def packages_of(module: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(module.read_text())))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names}
