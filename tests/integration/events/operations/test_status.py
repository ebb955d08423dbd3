"""event_status --watch in a terminal of its own, with a real consumer."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from contextlib import suppress
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from elasticsearch import Elasticsearch

from events.stream.interface import Stream
from tests.faults.roles import issue
from tests.processes import ROOT, environment, running
from tests.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

STYLES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")


def group() -> Any:
    said = StringIO()
    call_command("event_status", "--json", "--group", "readmodel", stdout=said)
    [partition] = json.loads(said.getvalue())
    return partition, min(partition["groups"], key=lambda found: found["checkpoint"])


def test_a_living_owner_is_shown_with_the_stream_and_its_memory(stream: Stream, elasticsearch: Elasticsearch) -> None:
    issue()
    with running("manage.py", "consume_events", "readmodel", "--consumer", "one"):
        wait_until(lambda: (group()[1]["owner"] or {}).get("state") == "consuming")
        wait_until(lambda: (group()[1]["checkpoint"], group()[1]["pending"]) == (1, 0))
        partition, found = group()

    assert found["owner"]["member"].startswith("one-")
    assert (found["lag"], found["pending"], found["owner"]["is_expired"]) == (0, 0, False)
    assert partition["stream_length"] == 1
    assert partition["stream_bytes"] > 0


def test_watch_repeats_the_status_until_ctrl_c(stream: Stream) -> None:
    terminal, end = pty.openpty()
    watch = subprocess.Popen(
        [sys.executable, "manage.py", "event_status", "--watch", "1"],
        cwd=ROOT,
        env=environment(COLUMNS="200", TERM="xterm"),
        stdout=end,
        stderr=end,
    )
    os.close(end)
    seen = b""

    def shows(text: bytes) -> bool:
        nonlocal seen
        seen += os.read(terminal, 65_536)
        return text in STYLES.sub(b"", seen)

    try:
        wait_until(lambda: shows(b"log at 0"))
        issue()
        wait_until(lambda: shows(b"log at 1"))
        watch.send_signal(signal.SIGINT)
        with suppress(OSError):  # A terminal that nobody reads would keep it from ending; Linux fails at its end.
            while os.read(terminal, 65_536):
                pass
        assert watch.wait(PATIENCE_SECONDS) == 0
    finally:
        watch.kill()
        watch.wait()
        os.close(terminal)
