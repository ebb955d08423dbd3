"""What was written is found at once, unless a rebuild holds the refreshes."""

import time
from collections.abc import Iterator

import pytest

from readmodel.index.documents import Documents
from readmodel.index.prompt_refresh import PromptRefresh
from tests.integration.readmodel.tickets.shelf import Shelf
from tests.ticket_events import document
from tests.waiting import wait_until

WRITES = 10


@pytest.fixture
def documents(shelf: Shelf) -> Documents:
    return shelf.index.documents(shelf.target)


@pytest.fixture
def refresh(documents: Documents) -> Iterator[PromptRefresh]:
    refresh = PromptRefresh(documents.refresh_unless_held)
    yield refresh
    refresh.close()


def test_each_of_ten_writes_is_found_before_the_servers_own_refresh(
    documents: Documents, refresh: PromptRefresh
) -> None:
    begun = time.monotonic()

    for number in range(1, WRITES + 1):
        documents.write([document(number)])
        refresh.wrote(1)
        wait_until(lambda: documents.count() == number)  # noqa: B023 (called at once)

    assert time.monotonic() - begun < WRITES / 2  # The server's own refreshes, a second apart, take twice as long.


def test_a_rebuild_that_holds_the_refreshes_holds_these_too(documents: Documents, shelf: Shelf) -> None:
    with shelf.index.indices.refresh_held(shelf.target):
        documents.write([document(1)])
        documents.refresh_unless_held()

        assert documents.count() == 0

    documents.write([document(2)])
    wait_until(documents.refresh_unless_held)  # It relies for a while on what it has seen.
    assert documents.count() == 2
