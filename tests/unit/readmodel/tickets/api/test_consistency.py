"""Use consistency tokens over REST, without any server."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from rest_framework.test import APIClient

from events.consistency_token import HEADER, Newest, read_token
from tests.unit.tickets.api.test_tickets import BODY

pytestmark = pytest.mark.django_db

SEARCHES = ("/api/search/tickets/", "/api/search/tickets/suggestions/")


@pytest.fixture
def api() -> APIClient:
    client = APIClient()
    client.force_login(User.objects.create_superuser("writer"))
    return client


def test_the_token_of_a_write_names_what_it_changed(api: APIClient) -> None:
    issued = api.post("/api/tickets/", BODY, format="json")
    ticket = issued.json()["id"]
    canceled = api.post(f"/api/tickets/{ticket}/cancel/")

    replacement = canceled.json()["replacement"]["id"]
    assert read_token(issued.headers[HEADER]).events == (Newest("ticket.issued", ticket, 1),)
    assert sorted(read_token(canceled.headers[HEADER]).events) == [
        ("ticket.canceled", ticket, 2),
        ("ticket.issued", replacement, 1),
    ]


def test_reads_and_refused_writes_return_no_token(api: APIClient) -> None:
    ticket = api.post("/api/tickets/", BODY, format="json").json()["id"]
    api.post(f"/api/tickets/{ticket}/cancel/")

    for answer in (api.post(f"/api/tickets/{ticket}/cancel/"), api.get("/api/tickets/")):
        assert HEADER not in answer.headers


@pytest.mark.parametrize("path", SEARCHES)
@pytest.mark.parametrize("stale", ["", "ok"])
def test_an_invalid_token_has_its_own_problem_type(api: APIClient, path: str, stale: str) -> None:
    answer = api.get(path, {"stale": stale}, headers={HEADER: "made up"})

    assert answer.status_code == 400
    assert answer.json() == {
        "type": "urn:problem:invalid-consistency-token",
        "title": "Invalid consistency token",
        "status": 400,
        "detail": "This is not a consistency token of this service: leave it out, or send that of a newer response.",
    }


def test_stale_accepts_only_ok(api: APIClient) -> None:
    assert api.get(SEARCHES[0], {"stale": "yes"}).json()["errors"].keys() == {"stale"}


def test_the_schema_has_the_header_with_writes_and_with_searches(tmp_path: Path) -> None:
    call_command("spectacular", "--format", "openapi-json", "--file", str(tmp_path / "schema.json"))
    paths: dict[str, Any] = json.loads((tmp_path / "schema.json").read_text())["paths"]

    writes = [(path, method) for path in paths for method in paths[path] if method != "get"]
    assert writes
    for path, method in writes:
        [written] = [response for status, response in paths[path][method]["responses"].items() if status[0] == "2"]
        assert HEADER in written["headers"]
    assert HEADER not in paths["/api/tickets/"]["get"]["responses"]["200"].get("headers", {})
    for path in SEARCHES:
        search = paths[path]["get"]
        assert {(each["in"], each["name"]) for each in search["parameters"]} >= {("header", HEADER), ("query", "stale")}
        assert "Consistency" in search["responses"]["200"]["headers"]
