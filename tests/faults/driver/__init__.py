"""Run the whole service as real processes, under load, and break each part of it by schedules drawn from seeds.

    uv run python -m tests.faults.driver --schedules 2000 --seed 1

docs/faults.md has what was tried. An installation stays up from one schedule to the next; only what was killed starts
again. After each schedule all faults end, the load stops, and the checker compares everything at rest.
"""
