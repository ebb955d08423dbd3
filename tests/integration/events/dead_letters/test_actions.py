"""Actions of two operators at once, on PostgreSQL."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from django.db import connection

from events.database import atomic
from events.dead_letters.actions import Outcome, discard, retry
from tests.letters import letter, park, states
from tests.locks import somebody_waits_for_a_lock
from tests.waiting import PATIENCE_SECONDS, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stream")]


def test_the_second_of_two_operators_meets_what_the_first_has_done() -> None:
    park("a")
    ids = [letter().id]
    has_discarded, may_commit = Event(), Event()

    @atomic()
    def discard_slowly() -> Outcome:
        outcome = discard(ids, "ada", reason="no longer needed")
        has_discarded.set()
        may_commit.wait(PATIENCE_SECONDS)
        return outcome

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(closing_its_session, discard_slowly)
        has_discarded.wait(PATIENCE_SECONDS)
        second = threads.submit(closing_its_session, lambda: retry(ids, "bob"))
        wait_until(somebody_waits_for_a_lock)
        may_commit.set()

    assert states() == ["discarded"]
    assert first.result().done == 1
    assert (second.result().done, dict(second.result().left_out)) == (0, {"discarded already": 1})


def closing_its_session(act: Callable[[], Outcome]) -> Outcome:
    try:
        return act()
    finally:
        connection.close()
