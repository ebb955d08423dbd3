from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st
from rich.pretty import pretty_repr

from events.stream.dsn import Address, StreamDSN

PASSWORD = "pa%2Fs%40s:'[é+"
DECODED = "pa/s@s:'[é+"


def parse(dsn: str) -> StreamDSN:
    return StreamDSN.parse(dsn)


def complaint_about(dsn: str) -> str:
    with pytest.raises(ImproperlyConfigured) as raised:
        parse(dsn)
    return str(raised.value)


class TestParts:
    def test_every_part_has_a_default(self) -> None:
        assert parse("redis://") == StreamDSN(
            shown="redis://",
            scheme="redis",
            hosts=(Address("localhost", 6379),),
            stream="events",
            group="",
            consumer="",
            auto_setup=True,
            dbindex=0,
            timeout=5,
            read_timeout=5,
        )

    def test_all_parts_are_read(self) -> None:
        dsn = parse("rediss://user:pa%2Fss@[::1]:7000/tickets/readmodel/one?dbindex=3&auto_setup=false&timeout=0.5")

        assert dsn == StreamDSN(
            shown="rediss://user:***@[::1]:7000/tickets/readmodel/one?dbindex=3&auto_setup=false&timeout=0.5",
            scheme="rediss",
            hosts=(Address("::1", 7000),),
            user="user",
            password="pa/ss",
            stream="tickets",
            group="readmodel",
            consumer="one",
            auto_setup=False,
            dbindex=3,
            timeout=0.5,
        )

    def test_a_unix_socket(self) -> None:
        dsn = parse("unix://:secret@/run/my%20redis.sock?stream=tickets&group=readmodel&consumer=one&dbindex=2")

        assert (dsn.socket, dsn.hosts, dsn.password, dsn.dbindex) == ("/run/my redis.sock", (), "secret", 2)
        assert (dsn.stream, dsn.group, dsn.consumer) == ("tickets", "readmodel", "one")

    def test_sentinels(self) -> None:
        dsn = parse(
            "redis+sentinel://user:secret@one,[::1],three:7000/tickets"
            "?sentinel_master=main&sentinel_user=watcher&sentinel_password=a%26b+c"
        )

        assert dsn.hosts == (Address("one", 26379), Address("::1", 26379), Address("three", 7000))
        assert (dsn.user, dsn.password, dsn.stream) == ("user", "secret", "tickets")
        assert (dsn.sentinel_master, dsn.sentinel_user, dsn.sentinel_password) == ("main", "watcher", "a&b+c")
        assert dsn.has_sentinels
        assert not dsn.is_encrypted
        assert parse("rediss+sentinel://").is_encrypted
        assert parse("redis+sentinel://").sentinel_master == "mymaster"

    def test_tls(self, tmp_path: Path) -> None:
        files = {name: tmp_path / f"{name}.pem" for name in ("cafile", "local_cert", "local_pk")}
        for file in files.values():
            file.touch()
        options = "&".join(f"ssl[{name}]={file}" for name, file in files.items())
        dsn = parse(
            f"rediss:///tickets?{options}&ssl[passphrase]=secret&ssl%5Bverify_peer%5D=0&ssl[verify_peer_name]=0"
        )

        assert {"cafile": Path(dsn.cafile), "local_cert": Path(dsn.local_cert), "local_pk": Path(dsn.local_pk)} == files
        assert (dsn.passphrase, dsn.verify_peer, dsn.verify_peer_name) == ("secret", False, False)

    @given(
        st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1).filter(
            lambda name: not name.isdecimal()
        )
    )
    def test_any_text_may_be_a_password_and_a_name(self, text: str) -> None:
        encoded = "".join(f"%{byte:02X}" for byte in text.encode())
        dsn = parse(f"redis://{encoded}:{encoded}@localhost/{encoded}/{encoded}/{encoded}")

        assert {dsn.user, dsn.password, dsn.stream, dsn.group, dsn.consumer} == {text}

    def test_unicode_needs_no_encoding(self) -> None:
        dsn = parse("redis://josé:contraseña@redis.münchen.example/événements")

        assert (dsn.user, dsn.password, dsn.stream) == ("josé", "contraseña", "événements")
        assert dsn.hosts[0].host == "redis.münchen.example"


@pytest.mark.parametrize(
    ("dsn", "complaint"),
    [
        ("", "this is not the URL of a stream"),
        ("localhost/tickets", "this is not the URL of a stream"),
        ("redis://localhost/tickets\n", "white space"),
        ("redis://localhost:x/a", "a port in digits"),
        ("redis://::1/a", "an IPv6 address in brackets"),
        ("redis://user@localhost/a", "write a password without a user as :password@"),
        ("redis://localhost/a#b", "percent-encode"),
        ("redis+cluster://:secret@one,:secret@two/tickets", "write user and password once, before the first host"),
        ("http://localhost/tickets", "the scheme 'http' is not one of redis, rediss, unix"),
        ("redis+cluster://one,two/tickets?dbindex=0", "a cluster has no numbered databases"),
        ("redis://localhost/tickets?redis_cluster=true", "write redis+cluster://"),
        ("redis://localhost:65536/a", "localhost:65536 is not a host: Port out of range"),
        ("redis://localhost:0/a", "a port can't be 0"),
        ("redis://[::g]/a", "[::g] is not a host"),
        ("redis://a..b/a", "a..b is not a host"),
        (f"redis://{'a' * 64}/a", "is not a host"),
        ("redis://a%00b/a", "zero byte"),
        ("redis://one,two/a", "only redis+sentinel:// and redis+cluster:// take several hosts"),
        ("redis+sentinel://one,,two/a", "only redis+sentinel:// and redis+cluster:// take several hosts"),
        ("redis://localhost/a/b/c/d", "the path must be /stream, /stream/group or /stream/group/consumer"),
        ("redis://localhost/a//c", "the path must be /stream, /stream/group or /stream/group/consumer"),
        ("redis://localhost/0", "write the database's number as ?dbindex=0"),
        ("redis+cluster://localhost/0", "name the stream; a cluster has no numbered databases; it must"),
        ("redis://localhost/100%", "be written as %25"),
        ("redis://localhost/a%FF", "must be UTF-8"),
        ("unix://localhost/run/redis.sock", "the path of the socket must begin with a third slash"),
        ("unix:///", "the path of the socket must begin with a third slash"),
        ("redis://localhost/a?dbindex=first", "dbindex: 'first' is not a whole number"),
        ("redis://localhost/a?dbindex=-1", "dbindex must be of the type int >= 0"),
        ("redis://localhost/a?dbindex", "dbindex: '' is not a whole number"),
        ("redis://localhost/a?dbindex=1e0", "dbindex: '1e0' is not a whole number in the digits 0 to 9"),
        ("redis://localhost/a?dbindex=1_0", "dbindex: '1_0' is not a whole number"),
        ("redis://localhost/a?dbindex=3.0", "dbindex: '3.0' is not a whole number"),
        ("redis://localhost/a?dbindex=%D9%A3", "is not a whole number"),
        ("redis://localhost/a?dbindex=99999999999999999", "dbindex must be of the type int <= 2147483647"),
        ("redis://localhost/a?timeout=1e-300", "timeout: '1e-300' is not a number in the digits 0 to 9"),
        ("redis://localhost/a?read_timeout=nan", "read_timeout: 'nan' is not a number"),
        ("redis://localhost/a?auto_setup=maybe", "auto_setup must be of the type bool"),
        ("redis://localhost/a?timeout=0", "timeout must be of the type float > 0.0"),
        ("redis://localhost/a?read_timeout=60", "read_timeout must be of the type float <= 5.0"),
        ("redis://localhost/a?dbindex=1&dbindex=1", "an option is given twice"),
        ("redis://localhost/a?strem=b", "?strem=***: an option is unknown; the known ones are stream, group"),
        ("redis://localhost/a?stream=b", "stream is an option of unix only"),
        ("redis://localhost/a?ssl[verify_peer]=0", "ssl[verify_peer] is an option of rediss only"),
        ("redis://localhost/a?sentinel_master=b", "sentinel_master is an option of +sentinel only"),
        ("redis://localhost/a?auth=b", "there is no option auth: write user and password before the host"),
        ("redis://localhost/a?stream_max_entries=9", "use the setting EVENTS_STREAM_MAX_LENGTH"),
        ("redis://localhost/a?lazy=1", "there is no option lazy"),
        ("rediss://localhost/a?ssl[cafile]=/no/such/file", "there is no file /no/such/file"),
        (f"rediss://localhost/a?ssl[local_pk]={__file__}", "ssl[local_pk] needs ssl[local_cert]"),
    ],
)
def test_a_mistake_is_explained(dsn: str, complaint: str) -> None:
    assert complaint in complaint_about(dsn)


@pytest.mark.parametrize(
    ("dsn", "form"),
    [
        ("redis://a/b?x=1", "it must read redis://[user:password@]host[:port]/stream"),
        ("rediss://a/b?x=1", "it must read rediss://"),
        ("unix://a/b", "it must read unix://[user:password@]/path"),
        ("redis+sentinel://a/b?x=1", "it must read redis+sentinel://"),
        ("rediss+sentinel://a/b?x=1", "it must read rediss+sentinel://"),
        ("mysql://a/b", "it must read redis://"),
    ],
)
def test_a_mistake_shows_the_form_of_its_scheme(dsn: str, form: str) -> None:
    assert form in complaint_about(dsn)


class TestPasswordsAreNeverShown:
    def test_passwords_are_read_and_hidden(self) -> None:
        dsn = parse(f"redis+sentinel://user:{PASSWORD}@one,two/a?dbindex=1&sentinel_password={PASSWORD}")

        assert (dsn.password, dsn.sentinel_password) == (DECODED, DECODED)
        shown = "redis+sentinel://user:***@one,two/a?dbindex=1&sentinel_password=***"
        assert (str(dsn), repr(dsn)) == (shown, f"StreamDSN({shown})")
        assert "pa" not in pretty_repr(dsn).replace("password", "")

    @pytest.mark.parametrize(
        "dsn",
        [
            "redis://user:secret@localhost/a?x=1",
            "redis://:secret@localhost/a?x=1",
            "redis://secret@localhost/a",
            "redis://user:secret/stream",
            "redis://user:se/secret@localhost/a",
            "redis://user:se?secret@localhost/a",
            "redis://user:se#secret@localhost/a",
            "redis://user:se@secret@localhost/a",
            "redis://user:se secret@localhost/a",
            "redis://user:secret%@localhost/a",
            "redis://user:secret%ff@localhost/a",
            "user:secret@localhost/a",
            "redis://one:secret@a,two:secret@b/x",
            "unix://user:secret@run/redis.sock",
            "redis+sentinel://a/b?sentinel_pasword=secret",
            "redis+sentinel://a/b?sentinel_password=se&secret=1",
            "redis+sentinel://a/b?sentinel_password=secret%",
            "redis+sentinel://a/b?sentinel_password=secret&sentinel_password=secret",
            "rediss://a/b?ssl[passphrase]=secret&x=1",
            "redis://a/b?auth=secret",
            "redis://a/b?password=secret",
            "redis://a/b?auth[]=user&auth[]=secret",
        ],
    )
    def test_errors_hide_passwords(self, dsn: str) -> None:
        assert "secret" not in complaint_about(dsn)
