"""Send generated requests, valid and invalid ones, to every operation of the OpenAPI document."""

from http import HTTPStatus
from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import User
from django.core.wsgi import get_wsgi_application
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.models import Token
from events.models import LogEntry
from tests.integration.fuzz.examples import fuzzing
from tests.integration.readmodel.tickets.shelf import Shelf
from tests.tickets import issue, rows

EXAMPLES = 8
ENDLESS = "/stream"
ANSWERS_EACH = "/api/gate/check-ins/"
"""It refuses a wrong check-in of a list by itself, in a 200 with all answers."""
CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_operation_answers_as_documented_and_a_refused_one_changes_nothing(
    shelf: Shelf, mode: GenerationMode
) -> None:
    shelf.hold({"title": "Kafka"}, {"title": "Night"})
    tickets = [str(issue().id) for _ in range(20)]
    user = User.objects.create_superuser("root")
    headers = {"Authorization": f"Bearer {Token.issue(user=user, name='of a test').text}"}

    schema = schemathesis.openapi.from_wsgi("/api/schema/?format=json", get_wsgi_application())
    for result in schema.get_all_operations():
        operation = result.ok()
        if not operation.path.endswith(ENDLESS):
            fixed = {"id": tickets.pop()} if "{id}" in operation.path and mode == GenerationMode.POSITIVE else {}
            send(operation.as_strategy(mode, headers=headers, path_parameters=fixed))

    assert Client().get("/healthz").content == b"alive"


def send(cases: st.SearchStrategy[Any]) -> None:
    @fuzzing(EXAMPLES)
    @given(cases)
    def check(case: Any) -> None:
        before = state()

        response = case.call()

        takes_wrong_data = has_empty_lists(case) or case.operation.path == ANSWERS_EACH
        is_too_long = response.status_code == HTTPStatus.REQUEST_URI_TOO_LONG  # Schemathesis knows no such refusal.
        checks = [] if takes_wrong_data or is_too_long else [negative_data_rejection]
        case.validate_response(response, checks=[*CHECKS, *checks])
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            assert state() == before

    check()


def has_empty_lists(case: Any) -> bool:
    """Tell whether a list has an empty value, which counts as absent."""
    return any(not value or "" in value for value in (case.query or {}).values() if isinstance(value, list | str))


def state() -> tuple[object, object]:
    return rows(), LogEntry.objects.count()
