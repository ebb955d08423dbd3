"""The code can be read along the way of an event: each module says which is next, and each folder which folder."""

import ast
import re
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path

from django.apps import apps

from events.models.pinned import PinnedModel

ROOT = Path(__file__).resolve().parents[2]
NEXT = re.compile(r"^Next: (\S+)$", re.MULTILINE)


def way_of_an_event() -> list[str]:
    way = ["tickets/models/ticket.py"]
    while found := NEXT.search((ROOT / way[-1]).read_text()):
        way.append(found[1])
    return way


def test_the_next_lines_lead_from_the_models_to_the_search() -> None:
    assert way_of_an_event() == [
        "tickets/models/ticket.py",
        "events/recording/collector.py",
        "events/recording/outbox.py",
        "events/relay/flush.py",
        "events/stream/interface.py",
        "events/consumer/consumer.py",
        "events/consumer/subscriptions.py",
        "events/consumer/subscription.py",
        "events/consumer/delivery.py",
        "events/consumer/settling.py",
        "readmodel/subscriber.py",
        "readmodel/projection.py",
        "readmodel/tickets/documents.py",
        "readmodel/index/documents.py",
        "readmodel/index/document_index.py",
        "readmodel/tickets/search/search.py",
    ]


def test_each_folder_names_the_stage_after_it() -> None:
    way = [Path(module) for module in way_of_an_event()]
    stages = list(dict.fromkeys(module.parent if len(module.parts) > 2 else module for module in way))
    folders = [(stage, after) for stage, after in pairwise(stages) if stage.suffix == ""]
    said = [NEXT.findall((ROOT / folder / "__init__.py").read_text()) for folder, _ in folders]

    assert said == [[str(after)] for _, after in folders]


def test_the_how_to_names_all_that_the_events_need_in_another_project() -> None:
    page = (ROOT / "docs/how-to/another-project.md").read_text()
    [stated] = re.findall(r"Install what they import:((?:.+\n)+)", page)
    imported = {name for module in (ROOT / "events").rglob("*.py") for name in packages_of(module)}
    # Django brings asgiref; OpenTelemetry is imported by those alone who trace.
    needed = imported - sys.stdlib_module_names - {"events", "asgiref", "opentelemetry"}

    assert {name.partition("[")[0] for name in re.findall(r"`(.+?)`", stated)} == {
        name.replace("_", "-") for name in needed
    }


def test_the_frame_of_a_read_model_needs_two_libraries_more_than_the_events() -> None:
    frame = [module for module in (ROOT / "readmodel").rglob("*.py") if "tickets" not in module.parts]
    imported = {name for module in frame for name in packages_of(module)}
    needed = imported - sys.stdlib_module_names - {"elastic_transport"}  # Elasticsearch's client brings it.

    assert needed == {"readmodel", "events", "django", "msgspec", "rich", "circuitbreaker", "elasticsearch", "icu"}


def test_all_tables_of_the_events_are_pinned_to_their_database() -> None:
    """Otherwise a router of the project's may read them from a replica."""
    models = apps.get_app_config("events").get_models()

    assert [model.__name__ for model in models if not issubclass(model, PinnedModel)] == []


def test_the_events_open_connections_and_transactions_only_by_their_own_module() -> None:
    """Use events.database: what django.db offers works in the default database, whatever EVENTS_DATABASE says."""
    modules = set((ROOT / "events").rglob("*.py")) - {ROOT / "events/database.py", ROOT / "events/checks/databases.py"}
    forgetful = {str(module.relative_to(ROOT)): names_of_the_default_database(module) for module in modules}

    assert {module: names for module, names in forgetful.items() if names} == {}


@cache
def nodes_of(module: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(module.read_text())))


def names_of_the_default_database(module: Path) -> set[str]:
    """Return what the module imports from django.db that works in the default database unless it is told another."""
    imports = [node for node in nodes_of(module) if isinstance(node, ast.ImportFrom)]
    names = {f"{node.module}.{alias.name}" for node in imports for alias in node.names}
    one_of_django = {"django.db.connection", "django.db.transaction", "django.db.DEFAULT_DB_ALIAS"}
    transactions = {name for name in names if name.startswith("django.db.transaction.")}
    return (names & one_of_django) | transactions - {"django.db.transaction.non_atomic_requests"}


def packages_of(module: Path) -> set[str]:
    nodes = nodes_of(module)
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names}


# events/management/command.py and console.py have safe ones of the same names.
UNSAFE = {"django.core.management.base.BaseCommand", "rich.console.Console", "rich.table.Table", "rich.print"}
# They speak to a process, not to a person, or before there is a command; processes.py passes on what refusal.py says.
FOR_PROCESSES = {
    "config/up/processes.py",
    "config/up/preparation.py",
    "config/engines/elasticsearch.py",
    "config/engines/maven.py",
    "config/environment/refusal.py",
}


def test_everything_that_is_printed_is_made_printable_in_one_place() -> None:
    """Print by a command's stdout and stderr, or by our Console: other ways hand control characters to the terminal."""
    modules = {
        module
        for app in ("accounts", "config", "events", "readmodel", "tickets")
        for module in (ROOT / app).rglob("*.py")
    }
    # The tables only name the type of what prints them; the streams have one sentence of their own.
    own = {ROOT / f"events/management/{name}.py" for name in ("command", "console", "status_tables", "streams")}
    found = {str(module.relative_to(ROOT)): unsafe_printing(module) for module in modules - own}

    assert {module: names for module, names in found.items() if names and module not in FOR_PROCESSES} == {}


def unsafe_printing(module: Path) -> set[str]:
    nodes = nodes_of(module)
    imports = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    imported = {f"{node.module}.{alias.name}" for node in imports for alias in node.names}
    called = {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}
    return (imported & UNSAFE) | (called & {"print", "sys.stdout.write", "sys.stderr.write"})
