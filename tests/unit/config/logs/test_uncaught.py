"""With LOG_FORMAT=json a process writes nothing but records, also where it fails."""

import json
import os
import subprocess
import sys

FAILING = """
import threading, warnings
import django
django.setup()
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
warnings.warn("old", DeprecationWarning)
class Unraisable:
    def __del__(self):
        raise ValueError("nobody asked")
Unraisable()
raise KeyError("seat")
"""


def run(*command: str) -> list[dict[str, object]]:
    """Run Python with a log of records; return them."""
    environment = os.environ | {
        "LOG_FORMAT": "json",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONWARNINGS": "a",
    }
    failed = subprocess.run((sys.executable, *command), env=environment, capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    return [json.loads(line) for line in failed.stderr.splitlines()]


def test_what_nobody_catches_is_a_record_and_so_is_a_warning() -> None:
    records = run("-c", FAILING)

    found = [(record["logger"], record["level"], record.get("exception", {}).get("type")) for record in records]  # type: ignore[attr-defined]
    assert found == [
        ("uncaught", "CRITICAL", "ZeroDivisionError"),
        ("py.warnings", "WARNING", None),
        ("uncaught", "ERROR", "ValueError"),
        ("uncaught", "CRITICAL", "KeyError"),
    ]


def test_a_worker_that_ends_with_an_error_says_so_in_a_record() -> None:
    *_, last = run("manage.py", "consume_events", "nobody")

    assert last["level"] == "CRITICAL"
    assert str(last["message"]).startswith("CommandError: ")
