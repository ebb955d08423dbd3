"""The guarantees hold in thousands of simulated schedules; `.ci/run` runs ten times as many.

More of them: `SCHEDULES=20000 uv run pytest -n 0 tests/simulation/test_schedules.py`.
"""

import os
import re
import subprocess
import sys

import pytest

from tests.simulation.plan import RESTORED_FROM

SCHEDULES = int(os.environ.get("SCHEDULES", "2000"))


@pytest.mark.timeout(0)
@pytest.mark.parametrize(
    ("seed", "schedules"), [(0, SCHEDULES), (RESTORED_FROM, SCHEDULES // 4)], ids=["any", "with a restore"]
)
def test_the_guarantees_hold_in_every_schedule(seed: int, schedules: int) -> None:
    options = ["--seed", str(seed), "--schedules", str(schedules), "--processes", "2"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulation", *options], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert re.search(rf"{schedules:,} schedules, .* 0 failed", done.stdout)
