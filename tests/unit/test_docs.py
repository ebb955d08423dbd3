"""The documentation says what is so: its commands, settings, links and examples are checked."""

import ast
import re
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands
from rest_framework.exceptions import APIException

import readmodel.conf
from config.metrics.table import with_table
from events.conf import Conf, Setting
from events.envelope import MAC, Envelope
from events.log.positions import give_positions
from events.log.reading import read_after
from tests.documentation import how_to
from tests.things import envelope_at

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
REFERENCE = "\n".join(page.read_text() for page in sorted((ROOT / "docs/reference").glob("*.md")))
EXPLANATION = (ROOT / "docs/explanation.md").read_text()
SECURITY = (ROOT / "docs/security.md").read_text()
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text()
OURS = ("accounts", "config", "events", "readmodel", "readmodel.tickets", "tickets")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_page_is_in_the_navigation_of_the_site_once() -> None:
    named = list(leaves_of(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))

    pages = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    assert sorted(named) == sorted(pages | {"CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"})


def leaves_of(tree: object) -> Iterator[object]:
    """Return the pages of a part of the navigation: a page, a list of parts, or a heading with its parts."""
    if isinstance(tree, str):
        yield tree
    else:
        for part in tree.values() if isinstance(tree, dict) else tree:  # type: ignore[attr-defined]
            yield from leaves_of(part)


@pytest.mark.parametrize("folder", ["how-to", "operations", "reference"])
def test_the_map_of_a_folder_has_each_of_its_pages(folder: str) -> None:
    pages = {page.name for page in (ROOT / "docs" / folder).glob("*.md")} - {"index.md"}
    linked = set(re.findall(r"\]\(([^)#]+)\)", (ROOT / "docs" / folder / "index.md").read_text()))

    assert pages - linked == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_sentences_exist(page: Path) -> None:
    named = set(re.findall(r"manage\.py ([a-z_]+)", page.read_text()))

    assert named - get_commands().keys() == set()


def rows_of(heading: str) -> dict[str, str]:
    """Return the first two columns of the table under a heading of the reference."""
    section = re.split(rf"^##? {heading}\n", REFERENCE, flags=re.MULTILINE)[1]
    table = re.split(r"^##? ", section, maxsplit=1, flags=re.MULTILINE)[0]
    return dict(re.findall(r"^\| `([A-Za-z_]+)` \| ([^|]+) \|", table, re.MULTILINE))


def as_documented(default: object) -> str:
    if default == "":
        return "none"
    return f"{default:,}" if isinstance(default, int | float) and not isinstance(default, bool) else f"`{default}`"


def test_every_command_of_ours_is_in_the_reference() -> None:
    assert rows_of("Commands").keys() == {name for name, app in get_commands().items() if app in OURS}


@pytest.mark.parametrize(("conf", "heading"), [(Conf, "the events"), (readmodel.conf.Conf, "the read model")])
def test_every_setting_is_in_the_reference_with_its_default(conf: type, heading: str) -> None:
    assert rows_of(f"Settings of {heading}") == {
        setting.name: as_documented(setting.default) for setting in vars(conf).values() if isinstance(setting, Setting)
    }


def test_the_table_of_the_metrics_is_the_one_of_the_code() -> None:
    page = (ROOT / "docs/reference/metrics.md").read_text()

    assert page == with_table(page)


def test_every_type_of_problem_is_in_the_reference_with_its_status() -> None:
    import_module(settings.ROOT_URLCONF)  # It imports all views, with their problems.

    documented = re.findall(r"^\| `urn:problem:([a-z-]+)` \| (\d+) \|", REFERENCE, re.MULTILINE)
    assert sorted(documented) == sorted(
        {
            (error.default_code, str(int(error.status_code)))
            for error in subclasses_of(APIException)
            if "-" in error.default_code and not error.__module__.startswith("tests.")
        }
    )


def subclasses_of(kind: type[APIException]) -> Iterator[type[APIException]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from subclasses_of(subclass)


@pytest.mark.django_db
def test_every_field_of_an_entry_is_in_the_reference() -> None:
    filled = {"causation_id": "1", "actor": "ada", "traceparent": "00-"}
    envelope = envelope_at(1)
    full = Envelope(**{name: getattr(envelope, name) for name in Envelope.__struct_fields__} | filled)

    assert rows_of("An entry on the stream").keys() == {*full.to_fields(), MAC}


@pytest.mark.django_db
def test_the_examples_of_the_how_to_run(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {"__name__": "example"}
    for block in how_to.examples():
        exec(compile(block, "docs/how-to", "exec"), names)  # noqa: S102 (our own documentation)
    give_positions(0)
    names["Announcer"]().handle(read_after(0, 0))  # type: ignore[operator]

    assert capsys.readouterr().out == "shelf A7 is in room 3\n"
    names["test_a_moved_shelf_is_announced"](capsys)  # type: ignore[operator]


@cache
def names_defined_in(path: Path) -> frozenset[str]:
    """Return the functions and classes of a module, and the methods as `Class::method`."""
    names: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            methods = (member for member in node.body if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef))
            names |= {f"{node.name}::{method.name}" for method in methods}
    return frozenset(names)


type Tested = dict[str, list[tuple[str, str]]]
"""The tests of each row of a table, as file and name, by the row's first column."""
TITLES = {"what happens", "risk", "section", "---"}


def rows_with_tests(page: str, heading: str) -> Tested:
    section = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ?(.+?) ?\|(?: .+ )?\|(.+)\|$", section, re.MULTILINE)
    return {
        first: re.findall(r"\]\(\.\./(tests/[^)#]+)#([^)]+)\)", tests) for first, tests in rows if first not in TITLES
    }


def guarantees() -> Tested:
    return rows_with_tests(EXPLANATION, "Guarantees")


def promises() -> Tested:
    """Return the rows of docs/security.md, but those that say why they have no test."""
    without_test = re.compile(r"^\| .+? \| (?:Open|Not applicable): .+\n", re.MULTILINE)
    return rows_with_tests(without_test.sub("", SECURITY), "How it is tested")


def test_each_guarantee_and_each_promise_names_a_test() -> None:
    assert (len(guarantees()) > 40, len(promises()) > 20) == (True, True)
    assert [row for row, tests in {**guarantees(), **promises()}.items() if not tests] == []


@pytest.mark.parametrize("tables", [guarantees, promises])
def test_the_tests_that_the_tables_name_exist(tables: Callable[[], Tested]) -> None:
    named = {test for tests in tables().values() for test in tests}

    assert [f"{path}::{name}" for path, name in sorted(named) if name not in names_defined_in(ROOT / path)] == []


def folders_below(folder: str) -> set[str]:
    return {f"{path.parent.name}/{path.name}" for path in (ROOT / folder).iterdir() if (path / "__init__.py").exists()}


def test_the_tree_of_the_architecture_has_every_folder() -> None:
    tree = re.findall(r"^ {4}( {2})?(\w+)/(?: |$)", ARCHITECTURE.partition("\n## The arrows")[0], re.MULTILINE)
    top, named = "", set()
    for indent, folder in tree:
        top = top if indent else folder
        named |= {f"{top}/{folder}"} if indent else set()

    packages = set().union(*map(folders_below, {*(app.partition(".")[0] for app in OURS), "tests"}))
    assert packages - named == set()
    assert [path for path in named if not (ROOT / path).is_dir()] == []


def test_the_arrows_of_the_architecture_are_the_contracts() -> None:
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = [contract["layers"] for contract in linter["contracts"] if contract["type"] == "layers"]
    shown = [block.splitlines() for block in re.findall(r"```text\n(.*?)```", ARCHITECTURE, re.DOTALL)]

    assert shown == layers


def test_the_paths_and_functions_of_the_architecture_exist() -> None:
    rows = re.findall(r"^\| .+ \|$", ARCHITECTURE, re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`(.+?)`", row)]
    functions = [name.split(": ") for name in named if ": " in name]
    paths = [name for name in named if ": " not in name and ("/" in name or name.endswith((".md", ".json", ".yml")))]

    assert len(functions) > 15
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert [
        f"{path}: {name}"
        for path, name in functions
        if not (ROOT / path).is_file() or name.replace(".", "::") not in names_defined_in(ROOT / path)
    ] == []


def test_the_glossary_has_each_term_once_in_order() -> None:
    sections = (ROOT / "docs/glossary.md").read_text().split("\n## ")[1:]
    terms = [re.findall(r"^\| (.+?) \|", section, re.MULTILINE)[1:] for section in sections]

    assert all(found == sorted(found, key=str.lower) for found in terms)
    everything = [term for found in terms for term in found]
    assert len(everything) == len(set(everything)) > 60


def test_the_way_of_the_readme_follows_the_folders() -> None:
    diagram = (ROOT / "README.md").read_text().partition("\n## The way of an event\n")[2].partition("\n## ")[0]
    stages = re.findall(r"^ {4}(\w+/\S+)", diagram, re.MULTILINE)

    assert len(stages) > 6
    assert [stage for stage in stages if not (ROOT / stage).exists()] == []
