"""The calls of the how-to are made, in its order, and each is answered as it says."""

from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import urlencode

import pytest
from rest_framework.response import Response
from rest_framework.test import APIClient

from tests.documentation.pages import ROOT, blocks_of
from tests.documentation.shell import commands_of
from tests.rest import client_with_all

HOW_TO = ROOT / "docs/how-to"


def calls(page: str) -> Iterator[list[str]]:
    """Yield the words of each `curl`."""
    for block in blocks_of(HOW_TO / page):
        yield from (command.words[1:] for command in commands_of(block.text) if command.words[0] == "curl")


def query_of(options: list[str]) -> str:
    """Return the query that `curl -G` makes of its data."""
    data = [options[at + 1] for at, word in enumerate(options) if word in {"-d", "--data-urlencode"}]
    return urlencode([tuple(part.split("=", 1)) for part in data])


class Caller:
    """Makes the calls; what an answer has told replaces `$ID` and `$JOB` in later ones."""

    def __init__(self, client: APIClient) -> None:
        self.client = client
        self.known = {"$URL": "", "http://localhost:8000": "", "$(uuidgen)": "a-key"}

    def call(self, words: list[str]) -> Response:
        options = [self._filled(word) for word in words]
        [url] = [word for word in options if word.startswith("/api/")]
        method = options[options.index("-X") + 1] if "-X" in options else "GET"
        headers = dict(options[at + 1].split(": ", 1) for at, word in enumerate(options) if word == "-H")
        body = options[options.index("-d") + 1] if "-d" in options else ""
        del headers["Authorization"]  # The client has its own.
        if "-G" in options:
            url, body = f"{url}?{query_of(options)}", ""
        answer = self.client.generic(method, url, body, content_type="application/json", headers=headers)
        self.known["$(uuidgen)"] += "."
        self._learn(answer)
        return answer  # type: ignore[return-value]

    def _filled(self, word: str) -> str:
        for name, value in self.known.items():
            word = word.replace(name, value)
        return word

    def _learn(self, answer: Response) -> None:
        if answer.status_code == HTTPStatus.CREATED:
            self.known["$ID"] = answer.json()["id"]
        if answer.status_code == HTTPStatus.ACCEPTED:
            self.known["$JOB"] = answer.json()["id"]


@pytest.mark.django_db
def test_each_documented_call_is_answered_as_documented() -> None:
    caller = Caller(client_with_all())
    answers = [caller.call(words) for words in calls("rest-api.md")]

    assert [answer.status_code for answer in answers] == [201, 200, 200, 200, 200, 200, 202, 200, 200]


@pytest.mark.django_db(transaction=True)
def test_the_parameters_of_each_documented_search_are_valid() -> None:
    caller = Caller(client_with_all())
    searches = [words for words in calls("search.md") if "-G" in words]
    problems = [caller.call(words).json()["type"] for words in searches]

    assert problems == ["urn:problem:search-unavailable"] * 2  # Here is no Elasticsearch; invalid ones are told first.
