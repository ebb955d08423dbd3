"""A method that an address of the API does not have is answered 405 with those that it has, whoever asks."""

import re

import pytest
from django.contrib.auth.models import User
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from tests.rest import PROBLEM, client_with
from tests.tickets import issue

METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


@pytest.mark.django_db(transaction=True)
def test_a_method_that_is_not_documented_is_answered_405(stream: object) -> None:
    document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    ticket_id = str(issue().id)
    root = APIClient()
    root.force_login(User.objects.create_superuser("root"))
    wrong = []

    for path, operations in document["paths"].items():
        documented = {name.upper() for name in operations}
        for method in METHODS - documented:
            for client in (root, client_with()):
                answer = client.generic(method, re.sub(r"{\w+}", ticket_id, path))
                allowed = METHODS & {name.strip() for name in answer.headers.get("Allow", "").split(",")}
                found = (answer.status_code, answer.headers["Content-Type"], allowed)
                if found != (405, PROBLEM, documented):
                    wrong.append((method, path, found))

    assert wrong == []
