"""The first process of a container ends when it is asked to, also while its program is being loaded."""

import re
import signal
import subprocess
import sys

import pytest

from tests.processes import ROOT

LOADING = """
import os, signal
{pretend}
from config.first_process import end_when_asked
end_when_asked()
print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL, flush=True)
os.kill(real, signal.SIGTERM)
signal.pause()
"""


@pytest.mark.parametrize(
    ("pretend", "is_default", "code"),
    [("real = os.getpid(); os.getpid = lambda: 1", "False", 143), ("real = os.getpid()", "True", -signal.SIGTERM)],
    ids=["first", "any other"],
)
def test_a_sigterm_ends_it_while_it_is_loaded(pretend: str, is_default: str, code: int) -> None:
    program = LOADING.format(pretend=pretend)

    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.stdout.strip(), done.returncode) == (is_default, code)


INTERRUPTED = """
import os, signal, sys
from config.first_process import end_at_interrupt, raise_at_interrupt
from events.management.streams import print_traceback
signal.signal(signal.SIGINT, signal.SIG_IGN if "ignored" in sys.argv else signal.default_int_handler)
end_at_interrupt()
if "loading" not in sys.argv:
    sys.excepthook = print_traceback
    raise_at_interrupt()
try:
    os.kill(os.getpid(), signal.SIGINT)
finally:
    print("cleaned up")
"""


@pytest.mark.parametrize(
    ("word", "code", "said"),
    [("loading", -signal.SIGINT, ""), ("loaded", -signal.SIGINT, "cleaned up\n"), ("ignored", 0, "cleaned up\n")],
)
def test_an_interrupt_ends_it_without_a_traceback_unless_it_is_ignored(word: str, code: int, said: str) -> None:
    command = [sys.executable, "-c", INTERRUPTED, word]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (code, said, "")


@pytest.mark.parametrize("program", ["manage.py", "config/web/server/__main__.py"])
def test_both_programs_of_the_image_ask_for_it_before_they_load_packages(program: str) -> None:
    before, asked, after = (ROOT / program).read_text().partition('if __name__ == "__main__":\n    end_when_asked()\n')

    assert asked
    assert re.findall(r"^(?:from|import) (?:django|granian)", before, re.MULTILINE) == []
    assert re.findall(r"^ *(?:from|import) (?:django|granian)", after, re.MULTILINE)
