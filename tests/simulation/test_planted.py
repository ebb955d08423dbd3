"""The simulation finds each planted fault, by the seed that is noted for it."""

from pathlib import Path

import pytest

from tests.simulation.mutation import Mutation, planted
from tests.simulation.plan import Plan
from tests.simulation.planted import MASKED, PLANTED, SEEDS
from tests.simulation.run import installation, run


@pytest.mark.parametrize("mutation", PLANTED, ids=lambda mutation: mutation.name)
def test_a_planted_fault_is_found(mutation: Mutation) -> None:
    with installation().installed():
        with planted(mutation):
            assert run(Plan.of(SEEDS[mutation.name])).failure

        assert not run(Plan.of(SEEDS[mutation.name])).failure


def test_every_planted_fault_is_documented() -> None:
    documented = (Path(__file__).parents[2] / "docs/faults.md").read_text()

    assert SEEDS.keys() == {mutation.name for mutation in PLANTED}
    for mutation in PLANTED:
        assert f"| {mutation.name} | `{mutation.module}` | {SEEDS[mutation.name]} |" in documented
    for mutation in MASKED:
        assert f"| {mutation.name} | " in documented


def test_masked_faults_are_in_the_source() -> None:
    for mutation in MASKED:
        with planted(mutation):
            pass
