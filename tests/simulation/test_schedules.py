"""The guarantees hold in thousands of simulated schedules.

More of them: `SCHEDULES=20000 uv run pytest -n 0 tests/simulation/test_schedules.py`.
"""

import os
import re
import subprocess
import sys

import pytest

SCHEDULES = int(os.environ.get("SCHEDULES", "4000"))


@pytest.mark.timeout(0)
def test_the_guarantees_hold_in_every_schedule() -> None:
    command = [sys.executable, "-m", "tests.simulation", "--schedules", str(SCHEDULES), "--processes", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert re.search(rf"{SCHEDULES:,} schedules, .* 0 failed", done.stdout)
