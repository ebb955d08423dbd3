"""The benchmarks import names that exist; no other test runs them."""

import ast
import importlib
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = ("accounts", "config", "events", "readmodel", "tests", "tickets")


@pytest.mark.parametrize("benchmark", sorted((ROOT / "benchmarks").rglob("*.py")), ids=lambda path: path.stem)
def test_a_benchmark_imports_names_that_exist(benchmark: Path) -> None:
    nodes = [node for node in ast.walk(ast.parse(benchmark.read_text())) if isinstance(node, ast.ImportFrom)]
    ours = [(node.module or "", node.names) for node in nodes if (node.module or "").partition(".")[0] in OURS]
    named = [(module, alias.name) for module, aliases in ours for alias in aliases if alias.name != "*"]

    assert [(module, name) for module, name in named if not exists(module, name)] == []


def exists(module: str, name: str) -> bool:
    return hasattr(importlib.import_module(module), name) or find_spec(f"{module}.{name}") is not None
