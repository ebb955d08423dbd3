"""What a signature covers, which keys sign and verify, and that none of them is shown."""

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import Settings

from events.checks.settings import check_stream_keys
from events.envelope import MAC
from events.models import Partition
from events.stream.interface import Stream
from events.stream.signing import Signatures, stream_keys
from events.stream.tail import EMPTY
from tests.documentation.pages import ROOT, blocks_of
from tests.things import envelope_at

type Fields = dict[str, str]

POSITION = 5
OLD, NEW = "old " * 10, "new " * 10


def signatures(stream: str = "tickets", partition: int = 0, *, generation: int = 3, signed_from: int = 0) -> Signatures:
    return Signatures(stream, partition, generation=generation, signed_from=signed_from)


def signed(by: Signatures | None = None) -> Fields:
    fields = envelope_at(POSITION).to_fields()
    (by or signatures()).sign(POSITION, fields)
    return fields


def altered(fields: Fields) -> Fields:
    return fields | {"data": fields["data"].replace("thing-5", "thing-6")}


def with_another_field(fields: Fields) -> Fields:
    return fields | {"tenant": "x"}


def without_a_field(fields: Fields) -> Fields:
    return {name: value for name, value in fields.items() if name != "correlationid"}


def with_a_moved_border(fields: Fields) -> Fields:
    """Move a character from a value to the next name, so that the joined text stays the same."""
    names = list(fields)
    return {name.replace("correlationid", "1correlationid"): fields[name] for name in names} | {"aggregateversion": ""}


@pytest.fixture(autouse=True)
def _keys(settings: Settings) -> None:
    settings.EVENTS_STREAM_KEYS = []


def test_an_entry_that_we_signed_verifies() -> None:
    assert signatures().verify(POSITION, signed())


@pytest.mark.parametrize("change", [altered, with_another_field, without_a_field, with_a_moved_border])
def test_an_entry_with_other_fields_does_not_verify(change: Callable[[Fields], Fields]) -> None:
    assert not signatures().verify(POSITION, change(signed()))


@pytest.mark.parametrize(
    "elsewhere",
    [signatures("other"), signatures(partition=1), signatures(generation=2), signatures(generation=4)],
    ids=["stream", "partition", "before", "after"],
)
def test_an_entry_does_not_verify_in_another_place(elsewhere: Signatures) -> None:
    assert not elsewhere.verify(POSITION, signed())


def test_an_entry_does_not_verify_at_another_position() -> None:
    assert not signatures().verify(POSITION + 1, signed())


@pytest.mark.parametrize("mac", ["", ".", "a.b.c", "\u00e9" * 60, "x" * 10_000, "1." + "9" * 5_000 + "." + "0" * 32])
def test_any_text_in_place_of_the_mac_is_only_not_believed(mac: str) -> None:
    assert not signatures().verify(POSITION, signed() | {MAC: mac})
    assert not signatures().verify_later(POSITION, signed() | {MAC: mac})


def test_an_unsigned_entry_is_believed_only_below_the_first_signed_position() -> None:
    fields = envelope_at(POSITION).to_fields()

    assert signatures(signed_from=POSITION + 1).verify(POSITION, dict(fields))
    assert not signatures(signed_from=POSITION).verify(POSITION, dict(fields))
    assert not signatures(signed_from=POSITION + 1).verify(POSITION, altered(signed()))


def test_a_restored_database_finds_entries_of_a_later_generation() -> None:
    assert signatures(generation=2).verify_later(POSITION, signed())
    assert not signatures(generation=4).verify_later(POSITION, signed())


def test_the_first_key_signs_and_all_verify(settings: Settings) -> None:
    settings.EVENTS_STREAM_KEYS = [OLD]
    with_old = signed()
    settings.EVENTS_STREAM_KEYS = [NEW, OLD]
    with_new = signed()

    assert signatures().verify(POSITION, dict(with_old))
    assert signatures().verify(POSITION, dict(with_new))
    settings.EVENTS_STREAM_KEYS = [NEW]
    assert not signatures().verify(POSITION, dict(with_old))
    assert signatures().verify(POSITION, dict(with_new))


def test_without_keys_the_secret_key_and_its_fallbacks_serve(settings: Settings) -> None:
    before = signed()
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another"

    assert signatures().verify(POSITION, before)


def test_no_key_is_shown(settings: Settings) -> None:
    settings.EVENTS_STREAM_KEYS = [NEW]
    [key] = stream_keys()

    assert NEW not in repr(key)
    assert NEW not in "".join(signed().values())
    assert NEW.encode().hex() not in key.fingerprint


@pytest.mark.django_db
def test_the_stream_signs_and_verifies_in_the_partition_s_generation(stream: Stream) -> None:
    Partition.objects.update(generation=3)
    stream.append(0, EMPTY, [envelope_at(1)])
    assert [entry.envelope is None for entry in stream.entries(0, after="0", count=10)] == [False]

    Partition.objects.update(generation=4)

    assert [entry.envelope is None for entry in stream.entries(0, after="0", count=10)] == [True]
    assert [entry.envelope is None for entry in stream.last_entries(0, count=10)] == [True]
    stream.create_group(0, "group", after=0)
    [read] = stream.read("group", "one", [0], count=10, block_seconds=0)[0]
    assert read.envelope is None


@pytest.mark.parametrize(
    ("keys", "faults"), [([], []), ([NEW, OLD], []), ([NEW, "short"], ["events.E018"]), ([""], ["events.E018"])]
)
def test_short_keys_are_an_error_at_start_up(settings: Settings, keys: list[str], faults: list[str]) -> None:
    settings.EVENTS_STREAM_KEYS = keys

    assert [message.id for message in check_stream_keys()] == faults


def test_another_program_verifies_an_entry_as_the_reference_says(settings: Settings) -> None:
    [code] = [block.text for block in blocks_of(ROOT / "docs/reference/stream.md") if block.language == "python"]
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 (our own documentation)
    settings.EVENTS_STREAM_KEYS = [NEW]
    fields = signed()
    place = "tickets", 0, POSITION

    assert names["is_genuine"](NEW, *place, fields)
    assert not names["is_genuine"](OLD, *place, fields)
    assert not names["is_genuine"](NEW, "shop", 0, POSITION, fields)
    assert not names["is_genuine"](NEW, *place, altered(fields))
