"""Send every address of the pages and the admin parameters and forms that nobody would type."""

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from events.models import DeadLetter
from tests.integration.fuzz.addresses import addresses, routes
from tests.integration.fuzz.examples import fuzzing
from tests.integration.readmodel.tickets.shelf import Shelf
from tests.tickets import issue

EXAMPLES = 2
ANSWERS = {"text/html; charset=utf-8", "application/problem+json"}  # The latter for machines, as at /readyz.
UNAVAILABLE = HTTPStatus.SERVICE_UNAVAILABLE
NAMES = [
    "q",
    "price",
    "month",
    "status",
    "venue",
    "sort",
    "page",
    "code",
    "next",
    "o",
    "p",
    "e",
    "all",
    "ot",
    "_popup",
    "_to_field",
    "_changelist_filters",
    "_facets",
    "app_label",
    "model_name",
    "field_name",
    "term",
    "action",
    "change_form-action",
    "index",
    "select_across",
    "_selected_action",
    "confirmed",
    "post",
    "reason",
    "up_to",
    "payload",
    "retry",
    "username",
    "password",
    "old_password",
    "new_password1",
    "starts_at_0",
    "starts_at_1",
    "_save",
    "_continue",
    "_addanother",
    "_saveasnew",
    "form-TOTAL_FORMS",
    "form-INITIAL_FORMS",
    "form-0-id",
    "user__id",
    "is_staff",
]
FIELDS = [field.name for model in apps.get_models() for field in model._meta.get_fields()]
LOOKUPS = ["", "", "__exact", "__in", "__isnull", "__year", "__month", "__day", "__gte", "__lt"]
NUMBERS = ["-1", "0", "1", "9" * 19, "9" * 5_000, "1e999", "NaN", "1.5"]
TEXTS = ["", "null", "None", "true", "on", "[]", "{}", "[" * 5_000, "'", "%s", "<script>", "a\r\nb: c", "x" * 10_000]
BYTES = ["\0", "%00", "\ud800", "\ufffd", "\u202e"]
TIMES = ["0001-01-01", "9999-12-31", "2027-13", "2027-05", "99:99"]
WORDS = [
    "25-50",
    "canceled",
    "issued",
    "any",
    "-starts_at",
    "1,2",
    "../../etc/passwd",
    "javascript:alert(1)",
    "//evil.example",
    "id",
    "__all__",
    "cancel_selected",
    "check_in_selected",
    "delete_selected",
    "retry_selected",
    "discard_selected",
]
names = st.builds("".join, st.tuples(st.sampled_from(NAMES + FIELDS), st.sampled_from(LOOKUPS))) | st.text(max_size=5)
values = st.sampled_from(NUMBERS + TEXTS + BYTES + TIMES + WORDS) | st.text(max_size=20)
parameters = st.lists(st.tuples(names, values), max_size=6)


@pytest.fixture
def known(shelf: Shelf) -> st.SearchStrategy[str]:
    """The ids of rows that exist."""
    shelf.hold({"title": "Kafka"})
    letter = DeadLetter.objects.create(
        group="access", partition=0, entry_id="1-0", error_type="E", error="x", traceback="", fields={}
    )
    return st.sampled_from([str(issue().id), str(issue().id), str(letter.id)])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_address_of_a_page_fails(known: st.SearchStrategy[str], method: str) -> None:
    for route in routes():
        if not route.startswith("/api/"):
            send(method, addresses(route, known))

    assert Client().get("/healthz").content == b"alive"


def send(method: str, address: st.SearchStrategy[str]) -> None:
    @fuzzing(EXAMPLES)
    @given(address, parameters, parameters)
    def check(address: str, query: list[tuple[str, str]], form: list[tuple[str, str]]) -> None:
        with transaction.atomic():
            client = Client(raise_request_exception=False)
            client.force_login(User.objects.create_superuser("root"))
            response: Any = client.generic(
                method, f"{address}?{encoded(query)}", encoded(form), content_type="application/x-www-form-urlencoded"
            )
            transaction.set_rollback(True)

        assert response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR or response.status_code == UNAVAILABLE
        if HTTPStatus.BAD_REQUEST <= response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            assert response.headers["Content-Type"] in ANSWERS

    check()


def encoded(pairs: list[tuple[str, str]]) -> str:
    return "&".join("=".join(quote(text, errors="surrogatepass") for text in pair) for pair in pairs)
