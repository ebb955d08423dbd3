"""The runbook has a page for each fault that the doctor finds and for each alert, and no other page."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from events.operations.doctor.finding import Finding

ROOT = Path(__file__).parents[2]
RUNBOOK = ROOT / "docs/operations/runbook"
DOCTOR = ROOT / "events/operations/doctor"
PAGES = {page.stem: page.read_text() for page in RUNBOOK.glob("*.md") if page.stem != "index"}
PAGE_ARGUMENT = Finding._fields.index("page")


def findings() -> Iterator[ast.Call]:
    """Yield each place where the doctor makes a finding that may be a fault."""
    for module in DOCTOR.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            is_finding = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding"
            if is_finding and len(node.args) >= PAGE_ARGUMENT:
                yield node


def pages_of_the_doctor() -> set[str]:
    source = "\n".join(module.read_text() for module in DOCTOR.glob("*.py"))
    return set(re.findall(r'"([a-z]+(?:-[a-z]+)+)"', source)) - {"maxmemory-policy"}


def alerts() -> dict[str, str]:
    """Return the alert that each page is about."""
    found = {page: re.search(r"^Alert `(\w+)`", text, re.MULTILINE) for page, text in PAGES.items()}
    return {page: alert[1] for page, alert in found.items() if alert}


def test_each_fault_of_the_doctor_names_a_page_that_exists() -> None:
    places = list(findings())

    assert len(places) > 25
    assert [ast.unparse(place) for place in places if len(place.args) <= PAGE_ARGUMENT and not starred(place)] == []
    assert pages_of_the_doctor() - PAGES.keys() == set()


def starred(call: ast.Call) -> bool:
    """Return whether a remedy and its page come together."""
    return isinstance(call.args[-1], ast.Starred)


@pytest.mark.parametrize("page", PAGES)
def test_each_page_is_of_an_alert_or_of_a_finding(page: str) -> None:
    head = PAGES[page].split("\n\n")[1]

    assert page in pages_of_the_doctor() | alerts().keys()
    assert ("`doctor` says" in head, "Alert" in head) == (page in pages_of_the_doctor(), page in alerts())
    assert "**Do.**" in PAGES[page] or "**Look and do**" in PAGES[page] or "| it says | do |" in PAGES[page]


def test_each_alert_of_prometheus_has_a_page_and_each_page_of_an_alert_is_of_one_of_these() -> None:
    groups = yaml.safe_load((ROOT / "config/prometheus/alerts.yml").read_text())["groups"]

    assert sorted(rule["alert"] for group in groups for rule in group["rules"]) == sorted(alerts().values())


def test_the_page_of_an_alert_has_its_name() -> None:
    assert {page: re.sub(r"(?<!^)(?=[A-Z])", "-", alert).lower() for page, alert in alerts().items()} == {
        page: page for page in alerts()
    }


def test_the_index_and_the_site_have_each_page() -> None:
    listed = re.findall(r"\]\(([a-z-]+)\.md\) \| (?:`(\w+)`)?", (RUNBOOK / "index.md").read_text())
    site = re.findall(r"operations/runbook/([a-z-]+)\.md", (ROOT / "mkdocs.yml").read_text())

    assert dict(listed) == {page: alerts().get(page, "") for page in PAGES}
    assert sorted(site) == sorted([*PAGES, "index"])
