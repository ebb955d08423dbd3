"""Make a plan that fails smaller: leave out faults, units and processes as long as it still fails."""

from collections.abc import Iterator

from msgspec.structs import replace

from tests.simulation.plan import Plan
from tests.simulation.run import Outcome, run


def shrunk(outcome: Outcome) -> Outcome:
    """Return the smallest plan that was found to fail too."""
    smallest = outcome
    while smaller := next(filter(None, map(_failing, _smaller(smallest.plan))), None):
        smallest = smaller
    return smallest


def _failing(plan: Plan) -> Outcome | None:
    outcome = run(plan)
    return outcome if outcome.failure else None


def _smaller(plan: Plan) -> Iterator[Plan]:
    for index in range(len(plan.faults)):
        yield replace(plan, faults=plan.faults[:index] + plan.faults[index + 1 :])
    for index in range(len(plan.late_faults)):
        yield replace(plan, late_faults=plan.late_faults[:index] + plan.late_faults[index + 1 :])
    for group, poison in plan.poison.items():
        if poison:
            yield replace(plan, poison={**plan.poison, group: poison[1:]})
    if len(plan.consumers) > 1:
        for group in plan.consumers:
            rest = {name: number for name, number in plan.consumers.items() if name != group}
            yield replace(plan, consumers=rest)
    if plan.relays > 1:
        yield replace(plan, relays=1)
    for index, units in enumerate(plan.writers):
        if units:
            yield replace(plan, writers=(*plan.writers[:index], units[:-1], *plan.writers[index + 1 :]))
