"""Kill the forgetting of a person at its steps: the same command goes on, and nothing is left or doubled."""

import signal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from elasticsearch import Elasticsearch
from pytest_django import Settings

from events.models import Forgetting, LogEntry
from events.stream.interface import Stream
from events.testing import run_until_idle
from tests.faults.conftest import Start
from tests.faults.roles import forget_until_death
from tests.forgetting import (
    ADA,
    forget,
    issue_tickets,
    lines_of,
    traces_in_database,
    traces_in_indices,
    traces_in_stream,
)

FORGETTING = "events.operations.forgetting"
STEPS = [
    ("when the list has the person", "events.forgotten", "_sync_folder", 1),
    ("in a transaction", f"{FORGETTING}.redaction", "raise_generation", 1),
    ("among the tickets", f"{FORGETTING}.redaction", "raise_generation", 3),
    ("when the stream is deleted", f"{FORGETTING}.stream", "sweep", 1),
    ("when one index is written", "readmodel.verification.forgetting", "rewrite", 2),
    ("before it is finished", "events.forgotten", "finish", 1),
]
"""Some of the steps; tests/unit/tickets/test_forgetting.py interrupts it at each."""


@pytest.mark.django_db(transaction=True)
def test_whenever_it_is_killed_the_same_command_goes_on_to_the_end(
    start: Start, stream: Stream, elasticsearch: Elasticsearch, settings: Settings, tmp_path: Path
) -> None:
    settings.EVENTS_FORGOTTEN_FILE = file = str(tmp_path / "forgotten")
    settings.EVENTS_SUBSCRIBERS = {"readmodel": settings.EVENTS_SUBSCRIBERS["readmodel"]}
    issue_tickets()
    run_until_idle("readmodel")

    for title, owner, method, call in STEPS:
        killed = start(forget_until_death, file, ADA, owner, method, str(call))
        killed.join()
        assert killed.exitcode == -signal.SIGKILL, title
    forget(ADA)

    assert traces_in_database() == {"tickets_ticket": ["ada lovelace"], "events_log": ["ada lovelace"]}  # The namesake.
    assert '"reason":"instead of Ada' not in "".join(LogEntry.objects.values_list("data", flat=True))
    assert traces_in_indices(elasticsearch, settings.READMODEL_ALIAS) == ["ada lovelace"]
    assert traces_in_stream(stream._client, stream.key(0)) == ["ada lovelace"]
    assert LogEntry.objects.filter(type="ticket.redacted").count() == 5 + 1
    assert Forgetting.objects.filter(finished_at=None).count() == 0
    assert {line["id"] for line in lines_of(file)} == set(map(str, Forgetting.objects.values_list("id", flat=True)))
    run_until_idle("readmodel")
    call_command("verify_log", stdout=StringIO())
    call_command("verify_readmodel", stdout=StringIO())
