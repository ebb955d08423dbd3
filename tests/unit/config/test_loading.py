"""Test what programs load, and how."""

import gc
import json
import os
import subprocess
import sys
from pathlib import Path

from config.loading import nothing_collected

ROOT = Path(__file__).parents[3]
SERVERS = {
    "DATABASE_URL": "postgresql://tickets@db.example.org/tickets",
    "EVENT_STREAM_URL": "redis://redis.example.org/tickets",
    "ELASTICSEARCH_URL": "https://elasticsearch.example.org",
    "ACCESS_SYSTEM_URL": "https://access.example.org/",
    "SECRET_KEY": "f3BvFqmT6Zr8Wc0YsXe5LpKd1NhUaQ9g",
}
UNUSED = {"aiohttp", "click", "opentelemetry.sdk", "pydantic", "pygments", "requests", "rich", "trio"}
LOAD = """
import django, json, sys
django.setup()
from events.stream.interface import stream_backend
from readmodel.index.client import load_client
import tickets.webhooks.configuration, tickets.webhooks.target
stream_backend()
load_client()
print(json.dumps(sorted(sys.modules)))
"""


def modules(*command: str, **variables: str) -> set[str]:
    """Return what a process has loaded at its end."""
    environment = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "config.settings", **variables}
    done = subprocess.run(
        (sys.executable, *command), cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_programs_load_no_package_that_they_do_not_use() -> None:
    loaded = modules("-c", LOAD, **SERVERS)

    assert {"redis", "elasticsearch", "httpx", "httpcore"} <= loaded
    assert loaded & UNUSED == set()


def test_up_loads_no_models() -> None:
    script = """
import json, runpy, sys
sys.argv = ["manage.py", "up", "--help"]
try:
    runpy.run_path("manage.py", run_name="__main__")
except SystemExit:
    print(json.dumps(sorted(sys.modules)))
"""

    loaded = modules("-c", script)

    assert "config.up.running" in loaded
    assert loaded & {"tickets.models", "events.models", "django.contrib.auth", "redis"} == set()


def test_no_garbage_is_collected_while_a_program_loads() -> None:
    before = gc.get_freeze_count()

    with nothing_collected():
        was_enabled = gc.isenabled()
        made = [[] for _ in range(1000)]  # type: ignore[var-annotated]

    assert not was_enabled
    assert gc.isenabled()
    assert gc.get_freeze_count() >= before + len(made)
    gc.unfreeze()
