"""Each variable is read by its type; a wrong value is noted, and the default stands."""

from collections.abc import Callable
from pathlib import Path

import pytest

from config.environment.sections import Section
from config.environment.spelling import misspelt
from config.environment.values import origin
from config.environment.variables import Environment

type Read = Callable[[Section], object]
KEY = "k" * 32


def number(env: Section) -> object:
    return env.number("V", default=7, least=0, most=9_000, meaning="")


def seconds(env: Section) -> object:
    return env.seconds("V", default=0.5, most=60, meaning="")


def switch(env: Section) -> object:
    return env.switch("V", default=True, meaning="")


def items(env: Section) -> object:
    return env.items("V", default=["a"], each=origin, meaning="")


def choice(env: Section) -> object:
    return env.choice("V", ("text", "json"), default="text", meaning="")


def level(env: Section) -> object:
    return env.log_level("V", default="INFO", meaning="")


def secret(env: Section) -> object:
    return env.secret("V", meaning="")


def secrets(env: Section) -> object:
    return env.secrets("V", meaning="")


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (number, "0", 0),
        (number, "", 7),
        (seconds, "2.5", 2.5),
        (seconds, "60", 60.0),
        (switch, "ON", True),
        (switch, "no", False),
        (items, "https://a.example, http://*.b.example:8000,", ["https://a.example", "http://*.b.example:8000"]),
        (choice, "JSON", "json"),
        (level, "debug", "DEBUG"),
        (secret, KEY, KEY),
        (secret, "$" + KEY, "$" + KEY),
        (secrets, "old,new", ["old", "new"]),
    ],
)
def test_a_right_value_is_read(read: Read, text: str, value: object) -> None:
    environment = Environment({"V": text})

    assert (read(Section(environment, "Any")), environment.wrong) == (value, {})


@pytest.mark.parametrize(
    ("read", "text", "default", "reason"),
    [
        (number, "-1", 7, "-1 is not between 0 and 9,000"),
        (number, "9001", 7, "9001 is not between 0 and 9,000"),
        (number, "x", 7, "'x' is not a whole number in the digits 0 to 9"),
        (seconds, "0", 0.5, "0 is not above 0 and up to 60"),
        (seconds, "-2", 0.5, "-2 is not above 0 and up to 60"),
        (seconds, "61", 0.5, "61 is not above 0 and up to 60"),
        (seconds, "NaN", 0.5, "'NaN' is not a number in the digits 0 to 9, with a point for decimals"),
        (switch, "maybe", True, "write true or false, not 'maybe'"),
        (items, "a.example", ["a"], "'a.example' is no origin; write https:// and a host, such as https://t.example"),
        (items, " , ", ["a"], "it has commas, but nothing between them"),
        (choice, "xml", "text", "'xml' is not one of text, json"),
        (level, "loud", "INFO", "'loud' is no level; write DEBUG, INFO, WARNING or ERROR"),
        (secret, "short", "", "it has 5 characters, but needs 32: write random ones"),
    ],
)
def test_a_wrong_value_is_noted_and_the_default_stands(read: Read, text: str, default: object, reason: str) -> None:
    environment = Environment({"V": text})

    assert read(Section(environment, "Any")) == default
    assert environment.wrong["V"].startswith(reason.partition("t.example")[0])


def test_a_missing_variable_is_noted_with_what_to_do() -> None:
    environment = Environment({"EMPTY": ""})

    Section(environment, "Any").secret("EMPTY", meaning="", required="make one")

    assert (environment.missing, environment.wrong) == ({"EMPTY": "make one"}, {})


def test_a_secret_may_be_in_a_file_without_the_last_line_break(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f" {KEY}\n\n")
    environment = Environment({"V_FILE": str(tmp_path / "key")})

    assert (secret(Section(environment, "Any")), environment.wrong) == (f" {KEY}\n", {})


def test_secrets_in_a_file_may_have_a_line_each(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("new\r\nold\n")
    environment = Environment({"V_FILE": str(tmp_path / "keys")})

    assert (secrets(Section(environment, "Any")), environment.wrong) == (["new", "old"], {})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "the file {} can't be read: No such file or directory"),
        (b"", "the file {} is empty"),
        (b"\n", "the file {} is empty"),
        (b"secret\xff", "the file {} is not UTF-8 text"),
        (b"sec\0ret", "the file {} has a zero byte"),
        (b"x" * 100_001, "the file {} is larger than 100,000 bytes"),
    ],
)
def test_a_file_that_can_t_be_used_is_named_without_its_content(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    environment = Environment({"V_FILE": str(file)})

    assert secret(Section(environment, "Any")) == ""
    assert environment.wrong == {"V": reason.format(file)}


def test_a_secret_and_its_file_exclude_one_another(tmp_path: Path) -> None:
    environment = Environment({"V": KEY, "V_FILE": str(tmp_path)})

    assert secret(Section(environment, "Any")) == ""
    assert environment.wrong == {"V": "it and V_FILE are both set; remove one"}


def test_the_real_environment_comes_before_the_data_folder_also_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY)
    environment = Environment({"V_FILE": str(tmp_path / "key"), "W": "given"})
    environment.add([("V", "added" * 8), ("W", "added"), ("X", "added")])
    env = Section(environment, "Any")

    assert [secret(env), env.text("W", meaning=""), env.text("X", meaning="")] == [KEY, "given", "added"]
    assert environment.named(["V", "W", "X"]) == {"V": KEY, "W": "given"}


def test_misspelt_variables_are_found_and_those_of_others_are_left_alone() -> None:
    known = {"EVENTS_PARTITIONS", "DATABASE_URL", "DATA_DIR", "LOG_LEVEL", "TICKETS_FONTS", "SECRET_KEY_FILE"}
    misspelt_ones = ["DATABASE_URI", "EVENTS_PARTITION_COUNT", "LOGLEVEL", "SECRET_KEY_FIL"]
    of_others = ["TEST_DATABASE_URL", "XDG_DATA_DIRS", "TICKETS_PORT", "TICKETS_SERVICE_HOST", "LOG_DIR", "PATH"]

    found = dict(misspelt([*misspelt_ones, *of_others, "DATABASE_URL"], known))

    assert found == dict(
        zip(misspelt_ones, ["DATABASE_URL", "EVENTS_PARTITIONS", "LOG_LEVEL", "SECRET_KEY_FILE"], strict=True)
    )
