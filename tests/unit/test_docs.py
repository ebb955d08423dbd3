"""The documentation says what is so: its commands, settings, links and examples are checked."""

import re
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands

from config.metrics.families import FAMILIES
from events.conf import Conf
from events.envelope import Envelope
from events.log.positions import give_positions
from events.log.reading import read_after
from tests.things import envelope_at

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
REFERENCE = (ROOT / "docs/reference.md").read_text()
OURS = ("config", "events", "readmodel", "tickets")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_exist(page: Path) -> None:
    named = set(re.findall(r"manage\.py ([a-z_]+)", page.read_text()))

    assert named - get_commands().keys() == set()


def rows_of(heading: str) -> dict[str, str]:
    """Return the first two columns of the table under a heading of the reference."""
    section = REFERENCE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| `([A-Za-z_]+)` \| ([^|]+) \|", section, re.MULTILINE))


def as_documented(default: object) -> str:
    if default == "":
        return "none"
    return f"{default:,}" if isinstance(default, int | float) and not isinstance(default, bool) else f"`{default}`"


def test_every_command_of_ours_is_in_the_reference() -> None:
    assert rows_of("Commands").keys() == {name for name, app in get_commands().items() if app in OURS}


def test_every_setting_is_in_the_reference_with_its_default() -> None:
    assert rows_of("Settings of the events") == {
        f"EVENTS_{name.upper()}": as_documented(getattr(Conf, name)) for name in Conf.__annotations__
    }


def test_every_variable_of_the_environment_is_in_the_reference() -> None:
    read = re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', (ROOT / "config/settings.py").read_text())

    assert rows_of("Environment variables").keys() == set(read)


def test_every_metric_is_in_the_reference_with_its_labels() -> None:
    assert rows_of("Metrics") == {
        name: ", ".join(f"`{label}`" for label in family.labels) or "none" for name, family in FAMILIES.items()
    }


def test_the_alerts_of_the_how_to_are_of_metrics_that_there_are() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/how-to.md").read_text(), re.DOTALL)
    scraped, rules = (yaml.safe_load(block) for block in blocks)
    alerts = [rule["expr"] for rule in rules["groups"][0]["rules"]]

    assert scraped["scrape_configs"][0]["metrics_path"] == "/metrics"
    assert len(alerts) == 3
    named = [name for alert in alerts for name in re.findall(r"\b(?:events|readmodel|metrics)_\w+", alert)]
    assert len(named) == 3
    assert set(named) <= FAMILIES.keys()


@pytest.mark.django_db
def test_every_field_of_an_entry_is_in_the_reference() -> None:
    filled = {"causation_id": "1", "actor": "ada", "traceparent": "00-"}
    envelope = envelope_at(1)
    full = Envelope(**{name: getattr(envelope, name) for name in Envelope.__struct_fields__} | filled)

    assert rows_of("An entry on the stream").keys() == full.to_fields().keys()


@pytest.mark.django_db
def test_the_examples_of_the_how_to_run(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/how-to.md").read_text(), re.DOTALL)
    names: dict[str, object] = {"__name__": "example"}
    for block in blocks:
        exec(compile(block, "docs/how-to.md", "exec"), names)  # noqa: S102 (our own documentation)
    give_positions(0)
    names["Announcer"]().handle(read_after(0, 0))  # type: ignore[operator]

    assert capsys.readouterr().out == "shelf A7 is in room 3\n"
    names["test_a_moved_shelf_is_announced"](capsys)  # type: ignore[operator]
