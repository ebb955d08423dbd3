import pytest
from django.core.exceptions import ImproperlyConfigured

from events.dsn import StreamDSN


def test_every_part_but_the_stream_has_a_default() -> None:
    dsn = StreamDSN.parse("redis:///tickets")

    assert dsn == StreamDSN(url="redis://localhost:6379/0", shown="redis:///tickets", stream="tickets")


def test_all_parts() -> None:
    dsn = StreamDSN.parse("rediss://user:pa%2Fss@[::1]:7000/tickets/readmodel/one?dbindex=3&auto_setup=false")

    assert dsn == StreamDSN(
        url="rediss://user:pa%2Fss@[::1]:7000/3",
        shown="rediss://user:***@[::1]:7000/tickets/readmodel/one?dbindex=3&auto_setup=false",
        stream="tickets",
        group="readmodel",
        consumer="one",
        auto_setup=False,
    )


@pytest.mark.parametrize(
    ("dsn", "complaint"),
    [
        ("http://localhost/tickets", "the scheme 'http' is not redis or rediss"),
        ("redis://localhost", "the path must name the stream"),
        ("redis://localhost/a/b/c/d", "the path must name the stream"),
        ("redis://localhost:x/a", "is no URL"),
        ("redis://localhost/a?dbindex=first", "dbindex is 'first', not a number"),
        ("redis://localhost/a?auto_setup=maybe", "auto_setup must be true or false"),
        ("redis://localhost/a?strem=b", "unknown option strem"),
    ],
)
def test_a_mistake_is_named(dsn: str, complaint: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="must read redis://") as raised:
        StreamDSN.parse(dsn)

    assert complaint in str(raised.value)


def test_an_error_shows_no_password() -> None:
    with pytest.raises(ImproperlyConfigured) as raised:
        StreamDSN.parse("redis://user:secret@localhost/a?x=1")

    assert "secret" not in str(raised.value)
    assert "user:***@localhost" in str(raised.value)
    assert "secret" not in str(StreamDSN.parse("redis://user:secret@localhost/a"))
