"""Test the answers to requests whose view fails after a change, and to unknown paths."""

import sqlite3
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.urls import path
from rest_framework import exceptions
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from events.exceptions import VersionTaken
from tests.tickets import issue, recorded, rows
from tickets.exceptions import ConcurrentChange, TransitionRefused

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]


def locked_database(folder: Path) -> OperationalError:
    """Return the error that Django raises while another connection writes to SQLite."""
    holder, other = (sqlite3.connect(folder / "db", timeout=0, autocommit=True) for _ in range(2))
    holder.execute("BEGIN IMMEDIATE")
    try:
        other.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        django_error = OperationalError(str(error))
        django_error.__cause__ = error
        return django_error
    finally:
        holder.close()
        other.close()
    raise AssertionError("two connections wrote at the same time")


class FailingView(APIView):
    permission_classes = [AllowAny]
    failure: Exception

    def post(self, request: Request) -> Response:
        issue()
        raise self.failure


def failing_page(request: HttpRequest) -> HttpResponse:
    issue()
    raise FailingView.failure


urlpatterns = [
    path("api/failing/", FailingView.as_view()),
    path("api/page/", failing_page),
    path("page/", failing_page),
]
handler404 = "config.web.answers.error_pages.not_found"
handler500 = "config.web.answers.error_pages.server_error"


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    def send(failure: Exception, to: str = "/api/failing/") -> Any:
        monkeypatch.setattr(FailingView, "failure", failure, raising=False)
        return APIClient(raise_request_exception=False).post(to)

    return send


@pytest.mark.parametrize(
    ("failure", "status", "kind"),
    [
        (exceptions.ValidationError({"title": ["too late"]}), 400, "about:blank"),
        (ValidationError({"title": "too late"}), 400, "about:blank"),
        (exceptions.PermissionDenied(), 403, "about:blank"),
        (TransitionRefused("gone"), 409, "urn:problem:transition-refused"),
        (ConcurrentChange(), 409, "urn:problem:concurrent-change"),
        (VersionTaken(), 409, "urn:problem:concurrent-change"),
        (ZeroDivisionError(), 500, "about:blank"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_failed_request_leaves_no_change_and_no_event(post: Any, failure: Exception, status: int, kind: str) -> None:
    response = post(failure)

    assert (response.status_code, response.headers["Content-Type"]) == (status, "application/problem+json")
    assert (response.json()["type"], response.json()["status"]) == (kind, status)
    assert response.json()["title"]
    assert (rows(), recorded()) == ([], [])


@pytest.mark.parametrize("error", [exceptions.ValidationError, ValidationError])
def test_validation_errors_are_listed_by_field(post: Any, error: type[Exception]) -> None:
    assert post(error({"title": ["too late"]})).json()["errors"] == {"title": ["too late"]}
    assert post(error(["never"])).json()["errors"] == {"non_field_errors": ["never"]}


def test_a_busy_database_is_a_conflict(post: Any, tmp_path: Path) -> None:
    response = post(locked_database(tmp_path))

    assert (response.status_code, response.headers["Content-Type"]) == (409, "application/problem+json")
    assert response.json()["type"] == "urn:problem:concurrent-change"
    assert (rows(), recorded()) == ([], [])


def test_a_lost_race_outside_a_rest_view_is_a_conflict_too(post: Any) -> None:
    response = post(VersionTaken(), to="/api/page/")

    assert response.status_code == HTTPStatus.CONFLICT
    assert response.json()["type"] == "urn:problem:concurrent-change"
    assert (rows(), recorded()) == ([], [])


def test_a_database_that_does_not_answer_is_not_a_conflict(post: Any) -> None:
    assert post(OperationalError("disk I/O error")).status_code == HTTPStatus.SERVICE_UNAVAILABLE


def test_an_unknown_path_below_api_is_a_problem() -> None:
    response = APIClient().get("/api/nothing/")

    assert (response.status_code, response.headers["Content-Type"]) == (404, "application/problem+json")
    assert response.json()["detail"] == "There is nothing at /api/nothing/; /api/docs/ lists the addresses."


def test_a_page_that_loses_a_race_can_be_asked_again(post: Any, tmp_path: Path) -> None:
    failed = post(locked_database(tmp_path), to="/page/")

    assert (failed.status_code, failed.headers["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert (rows(), recorded()) == ([], [])
