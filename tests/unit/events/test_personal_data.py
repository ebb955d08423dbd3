"""Marked fields, texts and identities: what is taken out of them, and what stays."""

import json
from typing import Annotated, Any
from uuid import UUID

import msgspec
import pytest

from events.event import Event, event_type
from events.exceptions import UnknownEventVersion
from events.personal_data import (
    FREE_TEXT,
    REMOVED,
    Person,
    Personal,
    all_marks_of,
    identities_in,
    is_named_in,
    names_in,
    redacted,
    redacted_data,
)
from events.upcasting import upcaster

ADA = Person("Ada@Example.org", frozenset({"Ada Lovelace", "Zoë"}))


class Contact(msgspec.Struct, frozen=True):
    email: Annotated[str, Personal("gone@person.invalid", identifies=True)]
    name: Annotated[str, Personal("Gone")] = "Ada Lovelace"
    born: Annotated[int | None, Personal(None)] = 1815


class Order(msgspec.Struct, frozen=True, kw_only=True):
    buyer: Contact
    guests: list[Contact] = []
    by_seat: dict[str, Contact] = {}
    sent_to: Contact | None = None
    title: str = ""
    labels: tuple[str, ...] = ()
    note: Annotated[str, FREE_TEXT] = ""


GONE = Contact("gone@person.invalid", "Gone", None)
BOB = Contact("bob@example.org", "Bob", 1900)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("ada@example.org", REMOVED),
        ("to ADA@EXAMPLE.ORG, please", f"to {REMOVED}, please"),
        ("Write to ada@example.org.", f"Write to {REMOVED}."),
        ("-ada@example.org\n+ada@example.org", f"-{REMOVED}\n+{REMOVED}"),
        ("<mailto:ada@example.org>", f"<mailto:{REMOVED}>"),
        ("?q=ada%40example.org&x", f"?q={REMOVED}&x"),
        ("'ada@example.org'", f"'{REMOVED}'"),
        ("nada@example.org", "nada@example.org"),
        ("x.ada@example.org", "x.ada@example.org"),
        ("lovelace-ada@example.org", "lovelace-ada@example.org"),
        ("ada@example.org.uk", "ada@example.org.uk"),
        ("ada@example.organic", "ada@example.organic"),
        ("Ada", "Ada"),
        ("", ""),
    ],
)
def test_an_identity_is_removed_but_no_longer_one(text: str, left: str) -> None:
    assert ADA.removed_from(text) == left
    assert ADA.occurs_in(text) == (left != text)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("for ada lovelace's aunt", f"for {REMOVED}'s aunt"),
        ("Ada Lovelaces", "Ada Lovelaces"),
        ("Zoe\u0308 called", f"{REMOVED} called"),
        ("Zoetrope", "Zoetrope"),
    ],
)
def test_names_are_removed_on_request(text: str, left: str) -> None:
    assert ADA.removed_from(text, names=True) == left
    assert ADA.removed_from(text) == text
    assert ADA.is_named_in(text) == (left != text)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Order(buyer=Contact("ADA@example.org")), Order(buyer=GONE)),
        (Order(buyer=BOB, guests=[BOB, Contact("ada@example.org")]), Order(buyer=BOB, guests=[BOB, GONE])),
        (Order(buyer=BOB, by_seat={"1": Contact("ada@example.org")}), Order(buyer=BOB, by_seat={"1": GONE})),
        (Order(buyer=BOB, sent_to=Contact("ada@example.org")), Order(buyer=BOB, sent_to=GONE)),
        (Order(buyer=BOB, title="of ada@example.org"), Order(buyer=BOB, title=f"of {REMOVED}")),
        (Order(buyer=BOB, labels=("ada@example.org",)), Order(buyer=BOB, labels=(REMOVED,))),
        (Order(buyer=BOB, by_seat={"ada@example.org": BOB}), Order(buyer=BOB, by_seat={REMOVED: BOB})),
        (Order(buyer=BOB, title="Ada Lovelace, live"), None),  # A name in a field that nobody types anything into.
        (Order(buyer=Contact("bob@example.org", "Ada Lovelace")), None),  # A namesake.
        (Order(buyer=Contact("nada@example.org")), None),
    ],
)
def test_marked_fields_are_replaced_and_texts_cleared(before: Order, after: Order | None) -> None:
    assert redacted(before, ADA, names=True) == (after or before)


def test_names_are_taken_out_of_free_texts_only_on_request() -> None:
    event = Order(buyer=BOB, note="instead of Ada Lovelace")

    assert redacted(event, ADA, names=False) == event
    assert redacted(event, ADA, names=True).note == f"instead of {REMOVED}"
    assert is_named_in(event, ADA)
    assert not is_named_in(Order(buyer=BOB, title="Ada Lovelace, live"), ADA)


def test_identities_and_names_are_found() -> None:
    event = Order(buyer=Contact("ada@example.org", "Ada L."), guests=[BOB, GONE])

    assert set(identities_in(event)) == {"ada@example.org", "bob@example.org", "gone@person.invalid"}
    assert set(names_in(event, ADA)) == {"Ada L."}
    assert {mark.replacement for mark in all_marks_of(Order)} == {"gone@person.invalid", "Gone", None}


class TestData:
    @pytest.fixture(autouse=True)
    def order_placed(self, clean_registry: None) -> None:
        event_type("order.placed", version=2)(msgspec.defstruct("Placed", [("buyer", Contact)], bases=(Event,)))
        upcaster("order.placed", from_version=1)(lambda data: {"buyer": {"email": data["email"]}})

    def redact(self, version: int, data: Any, *, name: str = "order.placed") -> tuple[Any, int]:
        text, now = redacted_data(name, version, json.dumps(data), person=ADA, names=True)
        return json.loads(text), now

    def test_a_former_version_is_upcast_and_stored_in_the_current_one(self) -> None:
        data, version = self.redact(1, {"email": "ada@example.org"})

        assert (data["buyer"], version) == ({"email": "gone@person.invalid", "name": "Gone", "born": None}, 2)

    def test_an_event_without_the_person_stays_as_it_is(self) -> None:
        stored = '{"email":  "bob@example.org"}'

        assert redacted_data("order.placed", 1, stored, person=ADA, names=True) == (stored, 1)

    def test_an_event_of_a_newer_release_is_refused(self) -> None:
        with pytest.raises(UnknownEventVersion):
            self.redact(3, {})

    @pytest.mark.parametrize("name", ["order.placed", "order.unknown"])
    def test_what_can_not_be_read_loses_identity_and_names(self, name: str) -> None:
        data, version = self.redact(2, {"who": ["Ada@example.org", {"Ada Lovelace": 1}], "id": 7}, name=name)

        assert (data, version) == ({"who": [REMOVED, {REMOVED: 1}], "id": 7}, 2)

    def test_what_is_no_json_loses_them_too(self) -> None:
        assert redacted_data("order.placed", 2, "{ada@example.org", person=ADA, names=True) == (f"{{{REMOVED}", 2)


def test_a_uuid_and_a_number_stay() -> None:
    class Deep(msgspec.Struct, frozen=True):
        key: UUID
        texts: list[list[str]]

    deep = Deep(UUID(int=1), [["ada@example.org", "b"]])

    assert redacted(deep, ADA, names=True) == Deep(UUID(int=1), [[REMOVED, "b"]])
