"""The AsyncAPI document is valid, is current, and describes what the channels really send.

schema-3.0.0.json.gz is the official schema: `schemas/3.0.0-without-$id.json` of npm's @asyncapi/specs 6.11.1, without
white space, under the licence beside (Apache 2.0).
"""

import gzip
import json
from copy import deepcopy
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from jsonschema import Draft7Validator, Draft202012Validator
from pytest_django import Settings

from config.asyncapi import document
from events.event import registered_types
from events.feed import pages as feed
from events.log.positions import give_positions
from events.log.reading import read_after
from events.stream.signing import Signatures
from tests.tickets import issue

SCHEMA = json.loads(gzip.decompress((Path(__file__).parent / "schema-3.0.0.json.gz").read_bytes()))


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return json.loads(json.dumps(document()))  # type: ignore[no-any-return]


def payload(described: dict[str, Any], message: str) -> Draft202012Validator:
    return Draft202012Validator({**described, "$ref": f"#/components/messages/{message}/payload"})


def test_it_is_valid_by_the_official_schema(described: dict[str, Any]) -> None:
    wrong = deepcopy(described)
    wrong["operations"]["appendToStream"]["action"] = "publish"

    assert [error.message for error in Draft7Validator(SCHEMA).iter_errors(described)] == []
    assert not Draft7Validator(SCHEMA).is_valid(wrong)


def test_the_file_in_the_documentation_is_current(settings: Settings) -> None:
    printed = StringIO()
    call_command("export_asyncapi", stdout=printed)

    assert (settings.BASE_DIR / "docs/asyncapi.json").read_text() == printed.getvalue()


def test_every_event_is_on_the_stream_and_on_the_feed(described: dict[str, Any]) -> None:
    names = {kind.name for kind in registered_types() if kind.event_class.__module__ == "tickets.events"}

    assert described["channels"]["stream"]["messages"].keys() == names
    assert described["channels"]["feed"]["messages"].keys() == names


@pytest.mark.django_db
def test_the_messages_are_what_the_stream_and_the_feed_send(described: dict[str, Any]) -> None:
    issue().cancel("the show is off")
    give_positions(0)
    fields = [envelope.to_fields() for envelope in read_after(0, 0)]
    for position, entry in enumerate(fields, start=1):
        Signatures.current("tickets", 0).sign(position, entry)
    events = [json.loads(event.json) for event in feed.read_page(feed.start(), limit=10).events]

    assert [event["type"] for event in events] == ["ticket.issued", "ticket.canceled", "ticket.issued"]
    for entry, event in zip(fields, events, strict=True):
        payload(described, f"stream.{entry['type']}").validate(entry)
        payload(described, f"feed.{event['type']}").validate(event)
        assert not payload(described, "feed.ticket.reinstated").is_valid(event)
        assert not payload(described, f"feed.{event['type']}").is_valid({**event, "data": {}})
