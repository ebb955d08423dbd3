"""Wrong settings end a process at its start, with a sentence for each."""

import pytest
from django.test import override_settings

from config.environment.refusal import refuse_wrong_settings, refuse_wrong_settings_of
from config.environment.sections import Section
from config.environment.variables import Environment

MISSING = {"SECRET_KEY": "set it to 50 random characters"}


@pytest.fixture(autouse=True)
def _keep_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set nothing up again: later tests would write their log to this one's standard error, which is closed then."""
    monkeypatch.setattr("config.environment.refusal.django.setup", lambda: None)


def test_a_process_ends_with_a_line_for_each_wrong_and_missing_setting(capsys: pytest.CaptureFixture[str]) -> None:
    environment = Environment({"LOG_LEVEL": "loud", "HSTS_SECONDS": "a year", "API_KEY_FILE": "/no\nSECRET_KEY: fine"})
    env = Section(environment, "Any")
    env.log_level("LOG_LEVEL", default="INFO", meaning="")
    env.number("HSTS_SECONDS", default=1, meaning="")
    env.secret("API_KEY", meaning="")
    hosts = ["tickets.example.org", ".example.net", "[::1]", "*", "https://tickets.example.org", "localhost:8000"]

    with (
        override_settings(
            WRONG_VARIABLES=environment.wrong,
            MISSING_VARIABLES=MISSING,
            UNKNOWN_VARIABLES=[("ALLOWED_HOST", "ALLOWED_HOSTS")],
            TRUSTED_PROXIES=["*"],
            ALLOWED_HOSTS=hosts,
            EVENTS_STREAM_URL="redis://user:s3cret@host/1",
            TICKETS_QR_KEYS=["s3cret"],
            TICKETS_TIME_ZONE="Mars",
            READMODEL_ALIAS="*",
        ),
        pytest.raises(SystemExit) as ended,
    ):
        refuse_wrong_settings()

    assert ended.value.code == 78
    said = capsys.readouterr().err
    assert "s3cret" not in said
    assert [line.replace(":", "").split()[0] for line in said.splitlines()] == [
        "ALLOWED_HOST",
        "LOG_LEVEL",
        "HSTS_SECONDS",
        "API_KEY",
        "TRUSTED_PROXIES",
        "ALLOWED_HOSTS",
        "ALLOWED_HOSTS",
        "ALLOWED_HOSTS",
        "EVENT_STREAM_URL",
        "READMODEL_ALIAS",
        "TICKETS_TIME_ZONE",
        "TICKETS_QR_KEYS",
        "SECRET_KEY",
    ]


@pytest.mark.parametrize(
    ("command", "is_refused"),
    [("check", True), ("migrate", True), ("runserver", True), ("up --demo", False), ("migrate --help", False)],
)
def test_only_commands_that_need_servers_need_their_settings(command: str, *, is_refused: bool) -> None:
    ended = False
    with override_settings(MISSING_VARIABLES=MISSING):
        try:
            refuse_wrong_settings_of(["manage.py", *command.split()])
        except SystemExit:
            ended = True

    assert ended is is_refused


def test_a_variable_that_looks_like_a_setting_is_only_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    with override_settings(UNKNOWN_VARIABLES=[("EVENTS_PARTITONS", "EVENTS_PARTITIONS")], MISSING_VARIABLES={}):
        refuse_wrong_settings()

    assert capsys.readouterr().err == "EVENTS_PARTITONS is not a setting; did you mean EVENTS_PARTITIONS?\n"
