"""Read from the log how far its partitions are."""

import pytest
from pytest_django import DjangoAssertNumQueries

from events import log
from events.models import Partition

pytestmark = pytest.mark.django_db


def test_the_positions_of_many_partitions_are_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    Partition.objects.bulk_create(Partition(number=number, last_position=10 * number) for number in range(1, 4))

    with django_assert_num_queries(1):
        found = log.last_positions({0, 2, 3})

    assert found == {0: 0, 2: 20, 3: 30}


def test_a_partition_that_a_restored_log_lacks_is_an_error(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        assert log.last_positions(()) == {}
    with pytest.raises(Partition.DoesNotExist, match=r"the log has no partitions \[5\]"):
        log.last_positions([0, 5])
