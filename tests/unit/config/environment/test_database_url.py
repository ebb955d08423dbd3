"""The URL of the database becomes Django's settings, or is refused in a sentence without the password."""

import pytest

from config.environment.database_url import database


def test_a_host_that_vanishes_is_noticed_within_some_seconds_unless_the_url_says_otherwise() -> None:
    options = database("postgres://user:secret@db/tickets?tcp_user_timeout=3000")["OPTIONS"]

    idle_seconds, interval_seconds, count = (options[f"keepalives_{name}"] for name in ("idle", "interval", "count"))
    assert idle_seconds + interval_seconds * count <= 11
    assert options["tcp_user_timeout"] == 3000
    assert database("postgres://db/tickets")["OPTIONS"]["tcp_user_timeout"] == 10_000


def test_each_part_of_the_url_is_decoded() -> None:
    config = database("postgresql://a%40b:p%25%3Aw:d@[::1]:5433/t%20s?host=/run/it%27s&sslmode=require")

    assert {name: config[name] for name in ("USER", "PASSWORD", "HOST", "PORT", "NAME")} == {
        "USER": "a@b",
        "PASSWORD": "p%:w:d",
        "HOST": "::1",
        "PORT": 5433,
        "NAME": "t s",
    }
    assert (config["OPTIONS"]["host"], config["OPTIONS"]["sslmode"]) == ("/run/it's", "require")


def test_the_pool_is_that_of_the_settings_and_cursors_can_be_turned_off_for_pgbouncer() -> None:
    config = database("postgres://db/t?DISABLE_SERVER_SIDE_CURSORS=True", pool={"max_size": 4, "timeout": 1.5})

    assert config["ENGINE"] == "config.postgresql"
    assert config["OPTIONS"]["pool"] == {"max_size": 4, "timeout": 1.5}
    assert config["DISABLE_SERVER_SIDE_CURSORS"] is True
    assert "DISABLE_SERVER_SIDE_CURSORS" not in config["OPTIONS"]


@pytest.mark.parametrize(
    ("url", "name"), [("sqlite:////data/a.sqlite3", "/data/a.sqlite3"), ("sqlite://:memory:",) * 2]
)
def test_sqlite_is_for_one_machine(url: str, name: str) -> None:
    config = database(url)

    assert config["NAME"] == name.removeprefix("sqlite://")
    assert config["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("s3cret", "the scheme must be postgresql, postgres or sqlite: write postgresql://"),
        ("mysql://u:s3cret@h/t", "the scheme must be postgresql, postgres or sqlite: write postgresql://"),
        ("postgres://u:s3cret@h", "this is not the URL of a database: write postgresql://"),
        ("postgres://u:s3@cret@h/t", "this is not the URL of a database: write postgresql://"),
        ("postgres://u:s3/cret@h/t", "this is not the URL of a database: write postgresql://"),
        ("postgres://u:s3#cret@h/t", "this is not the URL of a database: write postgresql://"),
        ("postgres://u:s3cret@h:port/t", "this is not the URL of a database: write postgresql://"),
        ("postgres://u:s3cret@h:65536/t", "65536 is not a port"),
        ("postgres://u:s3cret@h:0/t", "0 is not a port"),
        (
            "postgres://u:s3cret%zz@h/t",
            "a % must be followed by two hexadecimal digits, or be written as %25 (in the p",
        ),
        ("postgres://u:s3cret%ff@h/t", "percent-encoded characters must be UTF-8 (in the password)"),
        ("postgres://u:s3cret%00@h/t", "a zero byte is not allowed (in the password)"),
        ("postgres://h/t?conn_max_age=60", "the option conn_max_age is not possible, since sessions are pooled; see D"),
        ("postgres://h/t?password=s3cret&password=s3cret", "an option is given twice"),
        ("postgres://h/t?pasword=s3cret", "an option is none of libpq's, such as sslmode, sslrootcert or connect_time"),
        ("postgres://h/t?connect_timeout=s3cret", "the option connect_timeout must be a whole number"),
        ("sqlite://s3cret", "this is not the URL of an SQLite file: write sqlite:////path/of/the/file"),
        ("sqlite:////tmp/a?timeout=5", "this is not the URL of an SQLite file: write sqlite:////path/of/the/file"),
    ],
)
def test_another_url_is_refused_without_its_secrets(url: str, reason: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 (the sentence is compared below)
        database(url)

    assert str(refused.value).startswith(reason)
    assert "s3" not in str(refused.value)
