"""What a process has loaded when it begins to consume is left alone by the garbage collector."""

import gc

import pytest
from django.core.management import call_command

from events.processes.garbage import spare_what_is_loaded


@pytest.mark.django_db
def test_a_consumer_spares_what_is_loaded_but_not_what_comes_later() -> None:
    spare_what_is_loaded.cache_clear()
    gc.unfreeze()

    call_command("consume_events", "access", time_limit=0.001)
    spared = gc.get_freeze_count()
    call_command("consume_events", "access", time_limit=0.001)

    assert spared > 0
    assert gc.get_freeze_count() <= spared
