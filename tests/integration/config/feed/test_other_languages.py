"""Run the readers of docs/how-to/other-languages.md, where this machine has the languages."""

import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from django.conf import settings

from events.stream.interface import Stream as EventStream
from tests.documentation.pages import ROOT, blocks_of
from tests.network.feed_server import Server, make
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = ROOT / "docs/how-to/other-languages.md"
NAMED = re.compile(r"(?:<\?php )?// (\S+)\n")
LANGUAGES = [language for language in ("php", "node") if shutil.which(language)]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Iterator[str]]]:
    """Run a reader of the page; the lines that it prints are yielded as they come."""
    with closing(Readers(tmp_path)) as readers:
        yield readers.run


class Readers:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: list[subprocess.Popen[str]] = []
        for block in blocks_of(PAGE):
            if found := NAMED.match(block.text):
                (folder / found[1]).write_text(block.text)

    def run(self, language: str, name: str, **variables: str) -> Iterator[str]:
        command = [language, name + {"php": ".php", "node": ".mjs"}[language]]
        self.running.append(
            subprocess.Popen(command, cwd=self.folder, env=os.environ | variables, stdout=subprocess.PIPE, text=True)
        )
        assert self.running[-1].stdout
        return (line.rstrip() for line in self.running[-1].stdout)

    def close(self) -> None:
        for process in self.running:
            process.kill()
            process.communicate(timeout=PATIENCE_SECONDS)


@pytest.fixture
def account(stream: EventStream) -> Iterator[dict[str, str]]:
    """An account that can read the stream, as the page tells to make it; its variables for the readers."""
    name, password, url = f"reader-{secrets.token_hex(4)}", secrets.token_hex(), urlsplit(settings.EVENTS_STREAM_URL)
    [rights] = re.findall(r"ACL SETUSER reader on '>password' (.+)\n", PAGE.read_text())
    with closing(redis.Redis.from_url(url._replace(path="").geturl())) as administrator:
        administrator.execute_command("ACL", "SETUSER", name, "on", f">{password}", *rights.replace("'", "").split())
        yield {
            "REDIS": f"tcp://{url.hostname}:{url.port}",
            "REDIS_HOST": str(url.hostname),
            "REDIS_PORT": str(url.port),
            "REDIS_USER": name,
            "REDIS_PASSWORD": password,
        }
        administrator.acl_deluser(name)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_reader_of_the_feed_gets_each_event_in_order(
    run: Callable[..., Iterator[str]], server: Server, token: str, language: str
) -> None:
    make("a", "b")
    lines = run(language, "read_feed", URL=server.url, TOKEN=token)
    first = [*islice(lines, 2)]
    make("c")

    assert [*first, next(lines)] == ["1 thing.made a", "2 thing.made b", "3 thing.made c"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_reader_of_the_stream_gets_each_event_in_order(
    run: Callable[..., Iterator[str]], account: dict[str, str], language: str
) -> None:
    make("a", "b", note="ü" * 20_000)  # More than one packet.
    lines = run(language, "read_stream", **account)
    first = [*islice(lines, 2)]
    make("c")

    assert [*first, next(lines)] == ["1 thing.made a", "2 thing.made b", "3 thing.made c"]
