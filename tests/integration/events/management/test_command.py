"""A command as a process of its own."""

import os
import subprocess
import sys

from events.management.command import NOBODY_READS
from tests.processes import ROOT, environment


def test_a_reader_that_goes_ends_a_command_quietly() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "manage.py", "event_catalogue"]
    ended = subprocess.run(command, cwd=ROOT, env=environment(), stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)

    assert (ended.returncode, ended.stderr) == (NOBODY_READS, b"")
