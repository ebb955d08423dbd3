"""Run the real code of the core over a simulated database, Redis, Elasticsearch and clock, under a seeded scheduler.

A seed decides everything: what is written, when processes take turns, and which faults happen at which call. So a
failure is repeated by its seed alone. docs/adr/0017 says why, docs/faults.md what was tried and found.

    uv run python -m tests.simulation --schedules 1000
    uv run python -m tests.simulation --seed 17 --trace
"""
