"""Log-ins at the same moment, on a database with many sessions."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from accounts.throttling.attempts import BY_ACCOUNT_AND_ADDRESS

pytestmark = pytest.mark.django_db(transaction=True)

LIMIT = BY_ACCOUNT_AND_ADDRESS.attempts


def guess(_: int) -> int:
    try:
        return Client().post("/log-in/", {"username": "ada", "password": "wrong"}).status_code
    finally:
        connection.close()


def test_parallel_guesses_are_counted_before_any_is_looked_at() -> None:
    User.objects.create_user("ada", password="correct horse battery")

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(guess, range(LIMIT * 3)))

    assert sorted(answers) == [200] * LIMIT + [429] * LIMIT * 2
