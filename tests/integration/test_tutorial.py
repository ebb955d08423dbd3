"""The tutorial does what it says, in a copy of the project: each file is written, each command is run, in its order."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from elasticsearch import Elasticsearch
from pytest_django import Settings

from events.stream.interface import Stream
from tests.documentation.pages import ROOT
from tests.documentation.tutorial import Typed, Written, steps
from tests.integration.events.test_otherproject import RUN_ALL, Words, shell

PROJECT = ("accounts", "config", "event-schemas.json", "events", "locale", "manage.py", "readmodel", "tickets")
MANAGE = ["uv", "run", "manage.py"]
UP = [*MANAGE, "up"]
BEFORE_AND_AFTER = ("python3", "git", "rm")
"""Programs that prepare the machine, or clean up."""
REFRESH = """
from django.conf import settings
from readmodel.index.client import shared_client
shared_client(settings.ELASTICSEARCH_URL).indices.refresh()
"""
MEANWHILE = [("relay_events", "--once"), ("consume_events", "readmodel", "--until-idle"), shell(REFRESH)]
"""What the servers and the processes of `up` do before somebody looks."""
LOOKING = {"search_tickets", "tail_events", "event_status", "verify_readmodel"}
IMPATIENT = "EVENTS_BLOCK_SECONDS = 0.05\n"
"""For the end of the settings: a consumer sees at once that the stream has no more."""


class Reader:
    """Somebody who follows the page; `printed` has what each command of manage.py has printed."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        self.variables = os.environ | variables
        self.printed: dict[str, list[str]] = {}
        self._to_run: list[list[str]] = []
        self._is_changed = False
        for name in PROJECT:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
            copy(ROOT / name, folder / name)
        self.write("config/settings/__init__.py", IMPATIENT)

    def write(self, path: str, text: str) -> None:
        self.run()
        with (self.folder / path).open("a") as file:
            file.write(text)

    def type(self, words: list[str], variables: dict[str, str]) -> None:
        if words == UP:
            self._to_run.append(["migrate"])
        elif words[:3] == MANAGE and not variables:
            self._to_run.append(words[3:])
        elif words[0] not in BEFORE_AND_AFTER:
            self.run()
            words = [sys.executable, *words[2:]] if words[:3] == MANAGE else words
            self._output(words, variables)

    def run(self) -> None:
        """Run what was typed since the last file was written, in one process, which saves starts."""
        commands = [command for typed in self._to_run for command in (*self._meanwhile(typed), typed)]
        if commands:
            output = self._output([sys.executable, "-c", RUN_ALL, msgspec.json.encode(commands).decode()], {})
            for words, printed in zip(commands, msgspec.json.decode(output, type=list[str]), strict=True):
                self.printed.setdefault(" ".join(words), []).append(printed)
        self._to_run.clear()

    def _meanwhile(self, typed: Words) -> list[Words]:
        looks = typed[0] in LOOKING or "print(" in typed[-1]
        self._is_changed, was_changed = not looks, self._is_changed
        return MEANWHILE if looks and was_changed else []

    def _output(self, command: list[str], variables: dict[str, str]) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self.variables | variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def reader(tmp_path: Path, stream: Stream, elasticsearch: Elasticsearch, settings: Settings) -> Reader:
    return Reader(
        tmp_path,
        DJANGO_SETTINGS_MODULE="config.settings",
        DATABASE_URL=f"sqlite:///{tmp_path / 'tutorial.sqlite3'}",
        DATA_DIR=str(tmp_path / ".data"),
        READMODEL_ALIAS=settings.READMODEL_ALIAS,
    )


def test_whoever_follows_the_tutorial_finds_their_own_events(reader: Reader) -> None:
    for step in steps():
        match step:
            case Written(path, text):
                reader.write(path, text)
            case Typed(words, variables):
                reader.type(words, variables)
    reader.run()

    assert "Opéra de Lyon" in reader.printed["search_tickets opéra"][0]
    assert "東京" in reader.printed["search_tickets 東京"][0]
    # Without the stream's memory, which the server estimates anew each time.
    before, after = (printed.splitlines()[0].rpartition(", ")[0] for printed in reader.printed["event_status"])
    assert before == after
    assert before.startswith("partition 0: ")
    assert "coat.handed_in" in reader.printed["tail_events --type coat.handed_in"][0]
    [hooks] = [printed for command, printed in reader.printed.items() if "taken_hooks" in command]
    assert [lines.splitlines()[-1] for lines in hooks] == ["[7, 8]", "[8]"]
    assert "coats" in reader.printed["verify_readmodel coats"][0]
