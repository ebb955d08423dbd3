import time
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from events.exceptions import LeaseLost
from events.groups import checkpoint
from events.groups.assignment import PATIENCE_SECONDS
from events.groups.checkpoint import Claim
from events.groups.ownership import CONSUMING, HEARTBEAT_SECONDS, LATE_SECONDS, Ownership
from events.log.partitions import partition_count
from events.models import Checkpoint, ConsumerGroup, Lease, Member, Partition

pytestmark = pytest.mark.django_db

GROUP = "readers"
LONG_AGO = timezone.now() - timedelta(minutes=1)


@pytest.fixture
def _four_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    Partition.objects.bulk_create(Partition(number=number) for number in (1, 2, 3))
    monkeypatch.setattr("events.groups.ownership.partition_count", lambda: 4)


def member(name: str) -> Ownership:
    ownership = Ownership(GROUP, name)
    ownership.heartbeat()
    return ownership


def claim_of(ownership: Ownership) -> Claim:
    assert ownership.acquire(0)
    return Claim(GROUP, "", 0, ownership.epochs[0])


def expire(ownership: Ownership) -> None:
    """Let the process's leases and membership expire, as if it had been stopped."""
    Lease.objects.filter(member=ownership.member).update(expires_at=LONG_AGO)
    Member.objects.filter(id=ownership.member).update(seen_until=LONG_AGO, alive_until=LONG_AGO)


def test_a_member_that_has_left_is_not_brought_back_by_the_heartbeat_thread() -> None:
    first = member("first")
    first.leave()

    first.heartbeat(joins=False)
    assert not Member.objects.exists()

    first.heartbeat()
    assert Member.objects.get().id == first.member


def test_a_heartbeat_stands_a_restore_to_before_the_group_began(monkeypatch: pytest.MonkeyPatch) -> None:
    first = member("first")
    renew = first._renew

    def restored() -> None:
        Member.objects.all().delete()
        ConsumerGroup.objects.all().delete()
        renew()

    monkeypatch.setattr(first, "_renew", restored)
    first.heartbeat()
    monkeypatch.undo()

    first.heartbeat()
    assert ConsumerGroup.objects.get().name == GROUP
    assert Member.objects.get().id == first.member


def test_a_partition_has_one_owner() -> None:
    first, second = member("first"), member("second")

    assert first.acquire(0)
    assert not second.acquire(0)

    assert (first.owns(0), second.owns(0)) == (True, False)


def test_a_released_partition_is_free_at_once() -> None:
    first, second = member("first"), member("second")
    first.acquire(0)

    first.release(0)

    assert second.acquire(0)
    assert Lease.objects.get().epoch == 2


def test_the_thread_with_events_leaves_the_heartbeat_to_its_own_thread_unless_it_is_late(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    first = member("first")

    first._heartbeat_at = time.monotonic() - HEARTBEAT_SECONDS
    with django_assert_num_queries(0):
        first.heartbeat_if_due()

    first._heartbeat_at = time.monotonic() - LATE_SECONDS
    first.heartbeat_if_due()
    with django_assert_num_queries(0):
        first.heartbeat_if_due()
    assert time.monotonic() - first._heartbeat_at < HEARTBEAT_SECONDS


def test_an_expired_lease_is_taken_over_and_its_owner_notices() -> None:
    first, second = member("first"), member("second")
    first.acquire(0)
    expire(first)

    assert second.acquire(0)
    first.heartbeat()

    assert not first.owns(0)
    assert Lease.objects.get().member == second.member


def test_an_expired_lease_is_renewed_if_nobody_has_taken_it() -> None:
    first = member("first")
    first.acquire(0)
    expire(first)

    first.heartbeat()

    assert first.owns(0)
    assert not member("second").acquire(0)


def test_a_lease_whose_process_does_not_know_of_it_expires() -> None:
    first = member("first")
    first.acquire(0)
    first.epochs.clear()  # As if the reply to the commit had been lost.
    expire(first)

    first.heartbeat()

    assert member("second").acquire(0)


def test_a_checkpoint_that_is_elsewhere_is_not_moved() -> None:
    claim = claim_of(member("first"))
    checkpoint.load(claim)
    checkpoint.advance(claim, 7, after=0)

    with pytest.raises(LeaseLost):
        checkpoint.advance(claim, 9, after=8)

    assert checkpoint.positions_by_claim(claim.group)[claim] == 7


def test_an_owner_with_an_old_epoch_moves_no_checkpoint() -> None:
    first, second = member("first"), member("second")
    old = claim_of(first)
    checkpoint.load(old)
    expire(first)
    new = claim_of(second)
    checkpoint.load(new)
    checkpoint.advance(new, 7, after=0)

    with pytest.raises(LeaseLost):
        checkpoint.advance(old, 3, after=7)
    with pytest.raises(LeaseLost):
        checkpoint.hold(old)
    with pytest.raises(LeaseLost):
        checkpoint.count_attempt(old, 4)
    with pytest.raises(LeaseLost):
        checkpoint.load(old)

    row = Checkpoint.objects.get()
    assert (row.position, row.epoch, row.failed_position) == (7, 2, None)


def test_a_late_release_does_not_affect_the_next_owner() -> None:
    first, second = member("first"), member("second")
    first.acquire(0)
    expire(first)
    second.acquire(0)

    first.leave()

    assert Lease.objects.get().member == second.member
    assert list(Member.objects.values_list("id", flat=True)) == [second.member]


def test_two_processes_of_the_same_name_are_two_members() -> None:
    first, second = member("same"), member("same")

    assert first.member != second.member
    assert first.acquire(0)
    assert not second.acquire(0)


@pytest.mark.usefixtures("_four_partitions")
@pytest.mark.parametrize(
    ("names", "shares"), [("a", [4]), ("ab", [2, 2]), ("abc", [2, 1, 1]), ("abcde", [1, 1, 1, 1, 0])]
)
def test_partitions_are_assigned_evenly_to_living_members(names: str, shares: list[int]) -> None:
    dead = member("dead")
    expire(dead)
    members = [member(name) for name in names]
    for ownership in members:
        ownership.heartbeat()

    assert [len(ownership.assigned) for ownership in members] == shares
    assert sorted(partition for ownership in members for partition in ownership.assigned) == [0, 1, 2, 3]


@pytest.mark.usefixtures("_four_partitions")
def test_a_process_that_can_not_open_its_subscriber_is_assigned_nothing_while_others_are_well() -> None:
    good, bad = Ownership(GROUP, "good"), member("bad")
    good.join()
    bad.heartbeat()

    assert (good.assigned, bad.assigned) == ({0, 1, 2, 3}, frozenset())

    bad.join()
    good.heartbeat()

    assert (len(good.assigned), len(bad.assigned)) == (2, 2)


@pytest.mark.usefixtures("_four_partitions")
def test_a_process_that_fails_for_some_seconds_keeps_no_lease_that_others_should_have() -> None:
    good, bad = Ownership(GROUP, "good"), Ownership(GROUP, "bad")
    bad.join()
    good.join()
    bad.heartbeat()
    assert bad.acquire(0)
    bad.health.fail(time.monotonic() - PATIENCE_SECONDS)
    bad.heartbeat()
    Lease.objects.update(expires_at=LONG_AGO)

    bad.heartbeat()
    good.heartbeat()

    assert good.assigned == {0, 1, 2, 3}
    assert good.acquire(0)


def test_earlier_releases_see_only_processes_that_are_well() -> None:
    ownership = member("opening")
    row = Member.objects.get()
    assert row.alive_until < timezone.now() < (row.seen_until or LONG_AGO)

    ownership.join()

    row = Member.objects.get()
    assert row.alive_until > timezone.now()


@pytest.mark.usefixtures("_four_partitions")
def test_processes_of_earlier_releases_are_assigned_their_share() -> None:
    ownership = Ownership(GROUP, "b")
    now = connection.ops.adapt_datetimefield_value(timezone.now() + timedelta(seconds=3))
    with connection.cursor() as cursor:
        cursor.execute(
            'INSERT INTO events_member (id, "group", started_at, alive_until, state, error) '
            "VALUES (%s, %s, %s, %s, %s, '')",
            ["a", GROUP, now, now, CONSUMING],
        )

    ownership.join()

    assert ownership.assigned == {1, 3}

    Member.objects.filter(id="a").update(alive_until=LONG_AGO)
    member("c")
    assert not Member.objects.filter(id="a").exists()


def test_a_stop_reaches_a_process_that_was_silent_and_cleared() -> None:
    silent = member("silent")
    expire(silent)
    member("other")
    assert not Member.objects.filter(id=silent.member).exists()
    ConsumerGroup.objects.update(stop_requested_at=timezone.now())

    silent.heartbeat()

    assert silent.must_stop


def test_a_request_to_the_group_is_seen_at_the_next_heartbeat() -> None:
    ownership = member("one")
    group = ConsumerGroup.objects.get(name=GROUP)
    assert (ownership.is_paused, ownership.must_stop) == (False, False)

    group.paused, group.stop_requested_at = True, timezone.now() + timedelta(seconds=1)
    group.save()
    ownership.heartbeat()

    assert (ownership.is_paused, ownership.must_stop) == (True, True)


def test_a_process_that_started_after_a_stop_request_goes_on() -> None:
    ConsumerGroup.objects.create(name=GROUP, stop_requested_at=LONG_AGO)

    assert not member("one").must_stop


def test_dead_members_are_deleted_when_the_next_one_joins() -> None:
    expire(member("dead"))

    member("living")

    assert [row.id.rpartition("-")[0] for row in Member.objects.all()] == ["living"]


def test_every_partition_has_a_lease_from_the_first_member_on() -> None:
    member("one")

    assert Lease.objects.count() == partition_count()


def test_a_lease_that_a_restored_database_lacks_is_created_again() -> None:
    one = member("one")
    Lease.objects.all().delete()

    assert not one.acquire(0)
    one.heartbeat()

    assert one.acquire(0)
