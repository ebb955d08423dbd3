"""The queries of the alerts and the dashboards."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[4]
ALERTS = ROOT / "config/prometheus/alerts.yml"
DASHBOARDS = sorted((ROOT / "config/grafana/dashboards").glob("*.json"))


def alerts() -> dict[str, dict[str, Any]]:
    groups = yaml.load(ALERTS.read_text(), yaml.CSafeLoader)["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def dashboard(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.read_text()))


def panels(file: Path) -> list[dict[str, Any]]:
    """Return the panels that show something."""
    return [panel for panel in dashboard(file)["panels"] if panel["type"] != "row"]


def queries() -> Iterator[tuple[str, str]]:
    """Yield where each query stands, and the query."""
    for name, rule in alerts().items():
        yield f"alert {name}", rule["expr"]
    for file in DASHBOARDS:
        for annotation in dashboard(file)["annotations"]["list"]:
            yield f"{file.stem}: {annotation['name']}", annotation["expr"]
        for panel in panels(file):
            for target in panel["targets"]:
                yield f"{file.stem}: {panel['title']}", target["expr"]


def names_in(query: str) -> set[str]:
    """Return the metrics of a query."""
    return set(
        re.findall(r"\b(?:events|readmodel|tickets|http|database|metrics|process)_\w+", re.sub(r'"[^"]*"', "", query))
    )


def labels_in(query: str) -> set[str]:
    """Return the labels that a query selects or groups by."""
    selected = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", query)
    grouped = ",".join(re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", query)).split(",")
    return {label.strip() for label in [*selected, *grouped] if label.strip()}
