"""The simulation finds each planted fault, by the seed that is noted for it."""

import pytest

from tests.simulation.mutation import Mutation, planted
from tests.simulation.plan import Plan
from tests.simulation.planted import PLANTED, SEEDS
from tests.simulation.run import installation, run


@pytest.mark.parametrize("mutation", [m for m in PLANTED if m.name in SEEDS], ids=lambda mutation: mutation.name)
def test_a_planted_fault_is_found(mutation: Mutation) -> None:
    with installation().installed(), planted(mutation):
        assert run(Plan.of(SEEDS[mutation.name])).failure

    with installation().installed():
        assert not run(Plan.of(SEEDS[mutation.name])).failure
