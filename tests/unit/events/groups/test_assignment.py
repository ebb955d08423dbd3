from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from events.groups.assignment import PATIENCE_SECONDS, Candidate, Health, assign

NOW = 1000.0
CANDIDATES = st.lists(st.builds(Candidate, st.uuids().map(str), st.booleans()), unique_by=lambda found: found.member)


@given(CANDIDATES.filter(bool), st.integers(1, 12))
def test_each_partition_has_one_member_and_the_shares_are_even(candidates: list[Candidate], partitions: int) -> None:
    owners = assign(candidates, partitions)

    fit = [candidate.member for candidate in candidates if candidate.is_well] or [found.member for found in candidates]
    shares = Counter(owners.values())
    assert owners.keys() == set(range(partitions))
    assert shares.keys() <= set(fit)
    assert max(shares.values()) - min(shares[member] for member in fit) <= 1


def test_without_members_no_partition_is_assigned() -> None:
    assert assign([], 2) == {}


def test_a_process_is_well_from_when_its_subscriber_is_open_until_it_has_failed_for_some_seconds() -> None:
    health = Health()
    assert not health.is_well(NOW)

    health.open()
    assert health.is_well(NOW)

    health.fail(NOW)
    health.fail(NOW + 1)
    assert health.is_well(NOW + PATIENCE_SECONDS - 0.1)
    assert not health.is_well(NOW + PATIENCE_SECONDS)

    health.succeed()
    assert health.is_well(NOW + PATIENCE_SECONDS)


def test_to_open_the_subscriber_again_is_not_yet_a_success() -> None:
    health = Health()
    health.open()
    health.fail(NOW)

    health.open()

    assert not health.is_well(NOW + PATIENCE_SECONDS)
