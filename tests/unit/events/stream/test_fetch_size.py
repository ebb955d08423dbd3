import pytest

from events.stream.fetch_size import FetchSize
from events.stream.interface import Entry
from tests.things import envelope_at

pytestmark = pytest.mark.django_db


def entries(count: int, *, size: int = 100) -> list[Entry]:
    return [Entry("1-0", envelope_at(1, note="x" * size))] * count


def test_it_grows_to_the_batch_size_while_answers_are_full() -> None:
    fetch_size = FetchSize(500)
    counts = []
    for _ in range(7):
        counts.append(fetch_size.count)
        fetch_size.adapt(entries(fetch_size.count))

    assert counts == [16, 32, 64, 128, 256, 500, 500]


def test_it_stays_the_same_while_few_entries_come() -> None:
    fetch_size = FetchSize(500)
    for _ in range(10):
        fetch_size.adapt(entries(1))

    assert fetch_size.count == 16


def test_it_shrinks_to_a_megabyte_of_large_entries_but_never_below_one() -> None:
    fetch_size = FetchSize(500)

    fetch_size.adapt(entries(16, size=300_000))
    assert fetch_size.count == 3
    fetch_size.adapt(entries(3, size=1_500_000 // 2))
    assert fetch_size.count == 1


def test_it_shrinks_to_a_megabyte_of_large_foreign_entries() -> None:
    fetch_size = FetchSize(500)

    fetch_size.adapt([Entry("1-0", None, {"KEY": "x" * 300_000})] * 16)

    assert fetch_size.count == 3
