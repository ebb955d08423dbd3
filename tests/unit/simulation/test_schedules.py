"""The guarantees hold in a few simulated schedules; tests/simulation runs thousands of them."""

import pytest

from tests.simulation.__main__ import main
from tests.simulation.mutation import Mutation, Stale, planted
from tests.simulation.plan import Plan
from tests.simulation.planted import PLANTED
from tests.simulation.run import installation, run, run_all

SCHEDULES = 30
FAILED_ONCE = (2888, 4195, 4256, 6639)


def test_the_guarantees_hold_in_every_schedule() -> None:
    summary = run_all([*range(SCHEDULES), *FAILED_ONCE])

    assert not summary.failed, f"run: uv run python -m tests.simulation --schedules 1 --seed {summary.failed[0]}"
    assert summary.schedules == SCHEDULES + len(FAILED_ONCE)


def test_the_command_fails_if_a_schedule_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["tests.simulation", "--schedules", "2"])

    with planted(PLANTED[0]):
        assert main() == 1
        said = capsys.readouterr().out
    assert main() == 0

    assert "failed: uv run python -m tests.simulation --schedules 1 --seed 0" in said


def test_a_planted_fault_whose_text_is_gone_is_refused() -> None:
    with pytest.raises(Stale), planted(Mutation("stale", "events.groups.checkpoint", "not in the source", "")):
        pass


def test_a_seed_repeats_its_schedule() -> None:
    with installation().installed():
        first, second = (run(Plan.of(17), traces=True) for _ in range(2))

    assert first == second
