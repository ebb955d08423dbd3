"""Test that alerts and dashboards ask for metrics and labels that there are, and what the alerts say."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from config.metrics.families import FAMILIES
from config.metrics.observing import observed
from events.measuring.instruments import Histogram, Instrument
from tests.unit.config.metrics.queries import (
    ALERTS,
    DASHBOARDS,
    ROOT,
    alerts,
    dashboard,
    labels_in,
    names_in,
    panels,
    queries,
)

OF_PROMETHEUS = {"job", "instance", "alertstate"}
OF_PROCESSES = {"process_start_time_seconds", "process_resident_memory_bytes", "process_cpu_seconds_total"}
PARTS = ("_bucket", "_sum", "_count")


def labels_of_metrics() -> dict[str, set[str]]:
    """Return the labels of each name that Prometheus stores."""
    observed()
    found = {name: set(family.labels) for name, family in FAMILIES.items()} | {name: set() for name in OF_PROCESSES}
    for name, instrument in Instrument.all.items():
        names = [name + part for part in PARTS] if isinstance(instrument, Histogram) else [name]
        found |= {stored: {*instrument.labels, *(["le"] if stored.endswith("_bucket") else [])} for stored in names}
    return found


@pytest.mark.parametrize(("where", "query"), [*queries()])
def test_queries_are_of_metrics_and_labels_that_there_are(where: str, query: str) -> None:
    known = labels_of_metrics()

    names = names_in(query)
    assert names - known.keys() == set()
    assert names or query.startswith(("up{", "count(ALERTS"))
    assert labels_in(query) - OF_PROMETHEUS - set().union(*(known[name] for name in names)) == set()


def test_each_alert_says_how_bad_it_is_and_which_page_helps() -> None:
    for name, rule in alerts().items():
        page = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["runbook_url"] == f"docs/operations/runbook/{page}.md"
        assert name in (ROOT / rule["annotations"]["runbook_url"]).read_text()
        named = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        assert named <= labels_in(rule["expr"]) | OF_PROMETHEUS


def test_each_alert_fires_in_the_test_of_the_rules() -> None:
    tested = (ALERTS.parent / "alerts_test.yml").read_text()

    assert set(re.findall(r'alertname="(\w+)"', tested)) == alerts().keys()


PROMTOOL = shutil.which("promtool")


@pytest.mark.skipif(PROMTOOL is None, reason="without promtool; tests/untried.py says so")
@pytest.mark.parametrize("command", [("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml")])
def test_promtool_accepts_the_rules_and_they_fire_as_they_should(command: tuple[str, ...]) -> None:
    environment = os.environ | {"GOGC": "off"}  # It ends soon, so garbage may stay.
    done = subprocess.run(
        (PROMTOOL or "", *command), cwd=ALERTS.parent, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_a_dashboard_is_laid_out_in_24_columns_without_overlap(file: Path) -> None:
    found = dashboard(file)
    taken: set[tuple[int, int]] = set()
    for panel in found["panels"]:
        place = panel["gridPos"]
        columns = range(place["x"], place["x"] + place["w"])
        cells = {(x, y) for x in columns for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken
        assert max(columns) < 24
        taken |= cells

    assert found["uid"] == file.stem
    assert len({panel["id"] for panel in found["panels"]}) == len(found["panels"])


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_each_panel_says_what_it_shows_and_asks_the_chosen_prometheus(file: Path) -> None:
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    for panel in panels(file):
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert [target["datasource"] for target in panel["targets"]] == [chosen] * len(panel["targets"])
        assert all(target["legendFormat"] for target in panel["targets"])

    assert dashboard(file)["templating"]["list"][0]["name"] == "datasource"


def test_every_metric_but_two_is_on_a_dashboard_or_in_an_alert() -> None:
    asked = {name for _, query in queries() for name in names_in(query)}
    shown = {re.sub(rf"({'|'.join(PARTS)})$", "", name) for name in asked} | asked

    assert {*FAMILIES, *Instrument.all} - shown == {"events_group_checkpoint_position", "events_stream_repairs_total"}


def test_the_files_of_the_dashboards_are_written_as_an_editor_saves_them() -> None:
    for file in DASHBOARDS:
        assert file.read_text() == json.dumps(dashboard(file), indent=2, ensure_ascii=False) + "\n"
