"""`record` refuses an event that no reader of its class could read."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from events import payload, record
from events.event import Event, decode, event_type
from events.exceptions import EventRefused
from events.models import LogEntry

OWN_LIST: list[Any] = []
OWN_LIST.append(OWN_LIST)


class Line(msgspec.Struct, frozen=True):
    article: str


class LongerLine(Line, frozen=True):
    remark: str


def new_class() -> type[Event]:
    @event_type("order.paid")
    class OrderPaid(Event, frozen=True, kw_only=True, rename="camel"):
        order_id: Any = "7"
        version: Any = 1
        customer: str = "Ada"
        total: Decimal = Decimal("5.00")
        weight: float = 1.5
        count: int = 1
        paid_at: datetime = datetime(2027, 5, 1, tzinfo=UTC)
        lines: tuple[Line, ...] = ()
        marks: frozenset[int] = frozenset()
        details: Any = None

        @property
        def subject(self) -> str:
            return self.order_id  # type: ignore[no-any-return]

        @property
        def aggregate_version(self) -> int:
            return self.version  # type: ignore[no-any-return]

    return OrderPaid


@pytest.fixture
def order_paid(clean_registry: None) -> Callable[..., Event]:
    return new_class()


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"customer": None}, "customer: Expected `str`, got `null`"),
    ({"total": 5}, "total: 5 is not of the field's type: a reader gets '5'"),
    ({"total": 5.5}, "total: 5.5 is not of the field's type"),
    ({"total": Decimal("NaN")}, "total: JSON has no number NaN"),
    ({"total": Decimal("sNaN")}, "total: JSON has no number sNaN"),
    ({"weight": float("inf")}, "weight: Expected `float`, got `null`"),
    ({"weight": 2**60 + 1}, "weight: 1152921504606846977 is not of the field's type"),
    ({"weight": Decimal("1.5")}, "weight: Expected `float`, got `str`"),
    ({"count": True}, "count: Expected `int`, got `bool`"),
    ({"count": 2**64}, "count: can't serialize ints"),
    ({"paid_at": "tomorrow"}, "paidAt: Invalid RFC3339 encoded datetime"),
    ({"customer": "\0"}, "customer: it has U+0000"),
    ({"customer": "\ud800"}, "customer: 'utf-8' codec can't encode"),
    ({"lines": [Line(article=None)]}, "lines[0].article: Expected `str`, got `null`"),
    ({"lines": [LongerLine("cup", "red")]}, "lines: [{'article': 'cup', 'remark': 'red'}] is not of the field's type"),
    ({"details": {"rate": [float("nan")]}}, "details.rate[0]: JSON has no number nan"),
    ({"details": {"a\0": 1}}, "details.a\\u0000: it has U+0000"),
    ({"details": object()}, "details: Encoding objects of type object is unsupported"),
    ({"details": OWN_LIST}, "details: maximum recursion depth"),
    ({"order_id": None}, "subject: it must be text of 1 to 200 characters"),
    ({"order_id": ""}, "subject: it must be text"),
    ({"order_id": uuid4()}, "subject: it must be text"),
    ({"order_id": "7" * 201}, "subject: it must be text"),
    ({"order_id": "\0"}, "orderId: it has U+0000"),
    ({"version": 0}, "aggregate_version: it must be a whole number from 1 to 2^47 - 1, not 0"),
    ({"version": 2**47}, "aggregate_version: it must be"),
    ({"version": True}, "aggregate_version: it must be"),
    ({"version": "1"}, "aggregate_version: it must be"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("fields", "message"), REFUSED)
def test_an_unreadable_event_is_refused_by_the_name_of_its_field(
    order_paid: Callable[..., Event], fields: dict[str, Any], message: str
) -> None:
    with transaction.atomic(), pytest.raises(EventRefused) as refused:
        record(order_paid(), order_paid(**fields))

    assert str(refused.value).startswith(f"order.paid: {message}")
    assert not LogEntry.objects.exists(), "a caught refusal must not commit the first event"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"weight": 5},
        {"count": 2**63},
        {"lines": [Line("cup")], "marks": {3, 100, 50, 1}},
        {"details": {"pair": (1, 2), 7: uuid4(), "text": "\\u0000", "set": {Decimal(1)}}},
    ],
)
def test_values_that_json_makes_equal_are_accepted(order_paid: Callable[..., Event], fields: dict[str, Any]) -> None:
    assert decode("order.paid", 1, payload.encode(order_paid(**fields)))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.decimals() | st.text(st.characters()) | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.integers(), inner, max_size=3),
    max_leaves=5,
)


def test_whatever_the_fields_have_an_accepted_event_can_be_read(clean_registry: None) -> None:
    fields = dict.fromkeys(("order_id", "version", "customer", "total", "count", "paid_at", "details"), ANYTHING)
    order_paid: Any = new_class()

    @given(st.fixed_dictionaries({}, optional=fields))
    def check(some: dict[str, Any]) -> None:
        try:
            data = payload.encode(order_paid(**some))
        except EventRefused:
            return
        read: Any = decode("order.paid", 1, data)
        assert msgspec.json.encode(read) == data
        assert (read.subject, read.aggregate_version) == (some.get("order_id", "7"), some.get("version", 1))

    check()


def test_a_class_that_is_not_an_event_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="not registered"):
        payload.encode(SimpleNamespace())  # type: ignore[arg-type]
