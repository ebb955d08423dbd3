"""The guarantees hold in many simulated schedules, and the simulation finds each planted fault."""

import pytest

from tests.simulation.mutation import Mutation, planted
from tests.simulation.plan import Plan
from tests.simulation.planted import PLANTED, SEEDS
from tests.simulation.run import installation, run, run_all

SCHEDULES = 200


def test_the_guarantees_hold_in_every_schedule() -> None:
    summary = run_all(range(SCHEDULES))

    assert summary.failed is None, f"run: uv run python -m tests.simulation --schedules 1 --seed {summary.failed}"
    assert summary.schedules == SCHEDULES


@pytest.mark.parametrize("mutation", PLANTED, ids=lambda mutation: mutation.name)
def test_a_planted_fault_is_found(mutation: Mutation) -> None:
    with installation().installed(), planted(mutation):
        assert run(Plan.of(SEEDS[mutation.name])).failure

    with installation().installed():
        assert not run(Plan.of(SEEDS[mutation.name])).failure
