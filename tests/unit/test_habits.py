"""The checks are the same before a commit, by hand and in CI."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def commands_of(target: str) -> list[str]:
    """Return the lines of a target in the Makefile; the tests need no make."""
    makefile = (ROOT / "Makefile").read_text()
    [manage] = re.findall(r"^MANAGE = (.+)$", makefile, re.MULTILINE)
    [recipe] = re.findall(rf"^{target}:.*\n((?:\t.+\n)+)", makefile, re.MULTILINE)
    return recipe.replace("$(MANAGE)", manage).replace("\t", "").splitlines()


def test_the_hooks_run_the_commands_of_make_check() -> None:
    [local] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    hooks = local["hooks"]

    assert local["repo"] == "local"
    assert [hook["entry"] for hook in hooks] == commands_of("check")
    assert {(hook["language"], hook["pass_filenames"]) for hook in hooks} == {("system", False)}


def test_ci_runs_make_check_the_tests_of_the_readme_and_the_fault_matrix() -> None:
    commands = [line for line in (ROOT / ".ci/run").read_text().splitlines() if not line.startswith("#")]

    simulated = [command for command in commands if command.startswith("uv run python -m tests.simulation ")]
    assert len(simulated) == 2
    assert commands[-5:] == ["make check", *commands_of("test"), *simulated, *commands_of("faults")]
    assert "&& uv run pytest\n" in (ROOT / "README.md").read_text()


def test_the_workflow_runs_what_ci_runs() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]

    assert [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step] == ["bash .ci/run"]
