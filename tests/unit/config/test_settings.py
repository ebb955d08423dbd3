"""The settings that are read from the environment."""

import subprocess
import sys

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
