from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from rest_framework.authtoken.models import Token

pytestmark = pytest.mark.django_db


def create_token(capsys: pytest.CaptureFixture[str], *arguments: Any) -> str:
    call_command("create_token", *arguments)
    return capsys.readouterr().out


def test_the_token_alone_is_printed_and_stays_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    User.objects.create_user("ada")

    first = create_token(capsys, "ada")

    assert first == f"{Token.objects.get(user__username='ada').key}\n"
    assert create_token(capsys, "ada") == first


def test_rotate_replaces_it(capsys: pytest.CaptureFixture[str]) -> None:
    User.objects.create_user("ada")
    first = create_token(capsys, "ada")

    second = create_token(capsys, "ada", "--rotate")

    assert second != first
    assert [f"{token.key}\n" for token in Token.objects.all()] == [second]


def test_an_unknown_user_is_reported() -> None:
    with pytest.raises(CommandError, match="There is no user 'nobody'"):
        call_command("create_token", "nobody")


def test_an_inactive_user_gets_no_token() -> None:
    User.objects.create_user("ada", is_active=False)

    with pytest.raises(CommandError, match="The user 'ada' is not active"):
        call_command("create_token", "ada")

    assert not Token.objects.exists()
