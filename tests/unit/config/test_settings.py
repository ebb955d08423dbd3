"""The settings that are read from the environment."""

import pytest
from django.test import override_settings

from config.environment import Environment, refuse_wrong_settings
from config.settings import database


def test_a_database_host_that_vanishes_is_noticed_within_some_seconds_unless_the_url_says_otherwise() -> None:
    options = database("postgres://user:secret@db/tickets?tcp_user_timeout=3000")["OPTIONS"]

    idle_seconds, interval_seconds, count = (options[f"keepalives_{name}"] for name in ("idle", "interval", "count"))
    assert idle_seconds + interval_seconds * count <= 11
    assert options["tcp_user_timeout"] == 3000
    assert database("postgres://db/tickets")["OPTIONS"]["tcp_user_timeout"] == 10_000


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("ON", True), ("1", True), ("no", False), ("0", False), ("maybe", True)]
)
def test_a_switch_is_true_or_false_and_else_stays_as_it_is_by_default(
    monkeypatch: pytest.MonkeyPatch, text: str, *, value: bool
) -> None:
    monkeypatch.setattr(Environment, "ENVIRON", {"HTTPS_ONLY": text})
    env = Environment()

    assert env.switch("HTTPS_ONLY", default=True) is value
    assert env.wrong == ({"HTTPS_ONLY": "write true or false, not 'maybe'"} if text == "maybe" else {})


def test_the_web_server_ends_with_a_sentence_for_each_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Environment, "ENVIRON", {"LOG_LEVEL": "loud", "HSTS_SECONDS": "a year"})
    env = Environment()
    env.log_level("LOG_LEVEL", default="INFO")
    env.int("HSTS_SECONDS", default=1)
    hosts = ["tickets.example.org", ".example.net", "[::1]", "*", "https://tickets.example.org", "localhost:8000"]

    with (
        override_settings(
            WRONG_VARIABLES=env.wrong,
            TRUSTED_PROXIES=["*"],
            ALLOWED_HOSTS=hosts,
            SECURE_HSTS_SECONDS=-1,
            WEB_BODY_SECONDS=0,
        ),
        pytest.raises(SystemExit) as ended,
    ):
        refuse_wrong_settings()

    sentences = str(ended.value).splitlines()
    assert [sentence.partition(": ")[0] for sentence in sentences] == [
        "LOG_LEVEL",
        "HSTS_SECONDS",
        "TRUSTED_PROXIES",
        "ALLOWED_HOSTS",
        "ALLOWED_HOSTS",
        "ALLOWED_HOSTS",
        "HSTS_SECONDS is -1, but must be 0 or more",
        "WEB_BODY_SECONDS is 0, but must be more than 0",
    ]
