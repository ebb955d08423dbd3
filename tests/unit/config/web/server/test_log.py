"""The main process of the web server writes the log in the format of the application, without loading it."""

import json
import os
import subprocess
import sys

PROGRAM = """
import sys
from config.web.server import log
log.configure()
from granian.log import logger
logger.info("Listening")
print([name for name in sys.modules if name.partition(".")[0] in {"django", "events"} or name == "config.settings"])
"""


def run(form: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"LOG_FORMAT": form}
    return subprocess.run((sys.executable, "-c", PROGRAM), env=environment, capture_output=True, text=True, check=True)


def test_its_lines_are_json_where_the_log_is_and_it_loads_nothing_that_a_new_release_may_change() -> None:
    as_json, as_lines = run("json"), run("lines")

    record = json.loads(as_json.stderr)
    assert (record["level"], record["logger"], record["message"]) == ("INFO", "_granian", "Listening")
    assert as_lines.stderr.endswith(" INFO _granian Listening\n")
    assert [as_json.stdout, as_lines.stdout] == ["[]\n", "[]\n"]
