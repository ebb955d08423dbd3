import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import Token
from accounts.tokens.text import digest_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada")


def create_token(capsys: pytest.CaptureFixture[str], *arguments: Any) -> str:
    call_command("create_token", *arguments)
    return capsys.readouterr().out.removesuffix("\n")


def test_the_token_alone_is_printed_and_only_its_hash_is_stored(ada: User, capsys: pytest.CaptureFixture[str]) -> None:
    printed = create_token(capsys, "ada")

    token = Token.objects.get()
    assert re.fullmatch("tickets_[0-9A-Za-z]{38}", printed)
    assert (token.user, token.digest, token.scopes, token.expires_at) == (ada, digest_of(printed), [], None)
    assert printed not in [str(value) for value in vars(token).values()]


def test_a_user_has_several_with_names_scopes_and_expiry(ada: User, capsys: pytest.CaptureFixture[str]) -> None:
    create_token(capsys, "ada", "--name", "gate", "--scope", "tickets:check-in", "--scope", "search", "--expires", "2d")
    create_token(capsys, "ada", "--name", "report", "--expires", "2030-01-31")
    create_token(capsys, "ada", "--name", "far away", "--expires", "2030-02-01T23:59+23:59")

    far_away, report, gate = Token.objects.all()
    assert (gate.name, gate.scopes) == ("gate", ["search", "tickets:check-in"])
    assert timedelta(hours=47) < gate.expires_at - timezone.now() < timedelta(hours=49)
    assert (report.name, report.expires_at) == ("report", datetime(2030, 2, 1, tzinfo=UTC))
    assert (far_away.name, far_away.expires_at) == ("far away", datetime(2030, 2, 1, tzinfo=UTC))


def test_a_token_that_can_not_be_written_is_not_made_and_revokes_none(
    ada: User, capsys: pytest.CaptureFixture[str]
) -> None:
    create_token(capsys, "ada", "--name", "gate")

    full = Path("/dev/full").open("w")  # noqa: SIM115 (closing it fails too)
    with pytest.raises(OSError, match="No space left"):
        call_command("create_token", "ada", "--name", "gate", "--rotate", stdout=full)
    with suppress(OSError):
        full.close()

    assert Token.objects.get().revoked_at is None


def test_rotate_revokes_those_of_the_same_name(ada: User, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("gate", "report"):
        create_token(capsys, "ada", "--name", name)

    second = create_token(capsys, "ada", "--name", "gate", "--rotate")

    valid = Token.objects.filter(revoked_at=None)
    assert {token.name: token.digest == digest_of(second) for token in valid} == {"gate": True, "report": False}


def test_revoke_makes_none(ada: User, capsys: pytest.CaptureFixture[str]) -> None:
    create_token(capsys, "ada")

    assert create_token(capsys, "ada", "--revoke") == ""
    assert [token.refusal() for token in Token.objects.all()] == ["revoked"]


@pytest.mark.parametrize(
    ("username", "options", "message"),
    [
        ("nobody", [], "There is no user 'nobody'"),
        ("idle", [], "The user 'idle' is not active"),
        ("ada", ["--scope", "everything"], "invalid choice: 'everything'"),
        ("ada", ["--expires", "soon"], "'soon' is not an age"),
        ("ada", ["--expires", "9999-12-31"], "'9999-12-31' does not exist"),
        ("ada", ["--expires", "9999-12-31T23:00-12:00"], "beyond the calendar"),
        ("ada", ["--expires", "2030-02-31"], "'2030-02-31' does not exist"),
        ("ada", ["--expires", "2020-01-31"], "This has passed already"),
        ("ada", ["--expires", "0d"], "This has passed already"),
        ("ada", ["--name", ""], "This field cannot be blank"),
    ],
)
def test_what_can_t_be_made_is_refused(ada: User, username: str, options: list[str], message: str) -> None:
    User.objects.create_user("idle", is_active=False)

    with pytest.raises(CommandError, match=message):
        call_command("create_token", username, *options)

    assert not Token.objects.exists()
