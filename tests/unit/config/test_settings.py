"""The settings that are read from the environment."""

import subprocess
import sys

from config.settings import database
from tests.processes import ROOT, environment


def test_a_former_secret_key_still_verifies_the_stream_s_entries() -> None:
    script = "from events.stream.signing import stream_keys; print(len({key.fingerprint for key in stream_keys()}))"

    said = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "--command", script],
        cwd=ROOT,
        env=environment(SECRET_KEY="new" * 20, SECRET_KEY_FALLBACKS="old" * 20, DATABASE_URL="sqlite://:memory:"),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout

    assert said.splitlines()[-1] == "2"


def test_a_database_host_that_vanishes_is_noticed_within_some_seconds_unless_the_url_says_otherwise() -> None:
    options = database("postgres://user:secret@db/tickets?tcp_user_timeout=3000")["OPTIONS"]

    idle_seconds, interval_seconds, count = (options[f"keepalives_{name}"] for name in ("idle", "interval", "count"))
    assert idle_seconds + interval_seconds * count <= 11
    assert options["tcp_user_timeout"] == 3000
    assert database("postgres://db/tickets")["OPTIONS"]["tcp_user_timeout"] == 10_000
