"""Numbers from outside are in plain digits, wherever they are read."""

from decimal import Decimal

import pytest
from django.core.management import CommandError, get_commands, load_command_class

from config.environment.sections import Section
from config.environment.variables import Environment
from events.texts.numbers import decimal_number, whole_number
from readmodel.tickets.api.serializers import SearchParameters

NOT_WHOLE = ["1_0", " 10", "10 ", "10\n", "１０", "١٠", "1e1", "NaN", "Infinity", "+10", "0x10", "1.0", ""]
TOO_LONG = "9" * 19
NOT_PLAIN = sorted({*NOT_WHOLE, TOO_LONG, "1.0.0", ".", "1,0"} - {"1.0"})


@pytest.mark.parametrize("text", NOT_WHOLE)
def test_what_is_no_whole_number_in_plain_digits_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a whole number"):
        whole_number(text)


@pytest.mark.parametrize("text", [TOO_LONG, f"-{TOO_LONG}"])
def test_a_whole_number_that_is_too_long_is_refused_for_its_length(text: str) -> None:
    with pytest.raises(ValueError, match=f"^'{text}' has more than 18 digits$"):
        whole_number(text)


@pytest.mark.parametrize("text", NOT_PLAIN)
def test_what_is_no_number_in_plain_digits_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        decimal_number(text)


def test_plain_numbers_are_read() -> None:
    assert [whole_number(text) for text in ("0", "-7", "010")] == [0, -7, 10]
    assert [decimal_number(text) for text in ("1", "-1.50", ".5", "2.")] == [1, Decimal("-1.50"), Decimal("0.5"), 2]


def test_parameters_of_a_search_are_read_in_this_way() -> None:
    texts_of = {"price_min": NOT_PLAIN, "price_max": NOT_PLAIN, "page": NOT_WHOLE, "page_size": NOT_WHOLE}
    for name, texts in texts_of.items():
        for text in filter(None, texts):  # An empty one is absent.
            parameters = SearchParameters(data={name: text})
            assert (name, text, parameters.is_valid()) == (name, text, False)
            assert parameters.errors.keys() == {name}


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("consume_events readmodel", "--limit"),
        ("consume_events readmodel", "--time-limit"),
        ("consume_events readmodel", "--memory-limit"),
        ("tail_events", "--count"),
        ("tail_events", "--from"),
        ("compact_events", "--older-than"),
        ("dead_letters show", ""),
        ("dead_letters list", "--limit"),
        ("reset_group readmodel --to 5", "--partition"),
        ("reset_group readmodel", "--to"),
        ("trace_event", ""),
        ("trim_stream", "--length"),
        ("rebuild_readmodel", "--keep"),
        ("verify_readmodel", "--sample"),
        ("search_tickets x", "--price-min"),
        ("search_tickets x", "--page"),
        ("search_tickets x", "--page-size"),
        ("create_token ada", "--expires"),
        ("restart_web", "--port"),
        ("restart_web", "--wait"),
        ("up", "--port"),
    ],
)
def test_options_of_commands_are_read_in_this_way(command: str, option: str) -> None:
    name, *words = command.split()
    parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)

    for text in ("1_0", " 10", "１０", "1e1", "NaN", "Infinity", "１０d", "２０２７-01-01"):
        with pytest.raises(CommandError, match="argument"):
            parser.parse_args([*words, *([option] if option else []), text])


def test_settings_are_read_in_this_way() -> None:
    for text in sorted({*NOT_WHOLE} - {""}):
        environment = Environment({"COUNT": text, "SECONDS": text.replace("1.0", "1.0.0")})
        env = Section(environment, "Any")

        assert env.number("COUNT", default=5, meaning="") == 5
        assert env.seconds("SECONDS", default=0.5, meaning="") == 0.5
        assert environment.wrong.keys() == {"COUNT", "SECONDS"}
