"""All spellings of an identity are found, and it is one identity in each of them."""

import pytest

from events.personal_data import REMOVED, Person
from events.texts.spellings import normal, spellings

LETTERS, ASCII = "ada@bücher.example", "ada@xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (" Ada@EXAMPLE.org", "ada@example.org"),
        ("jürgen@example.org", "ju\u0308rgen@example.org"),
        (LETTERS, ASCII),
        ("ada@BÜCHER.example", "ada@XN--BCHER-KVA.example"),
        ("ada@shop.straße.example", "ada@shop.xn--strae-oqa.example"),
    ],
)
def test_case_composition_and_the_spelling_of_a_domain_do_not_matter(one: str, other: str) -> None:
    assert normal(one) == normal(other)


@pytest.mark.parametrize("label", ["xn--", "xn--bcher-", "xn--\u00fc", "xn--99999999999", "bcher-kva"])
def test_a_domain_that_stands_for_no_letters_is_left_as_it_is(label: str) -> None:
    assert normal(f"ada@{label}.example") == f"ada@{label}.example"


@pytest.mark.parametrize("identity", [LETTERS, ASCII, "ada@BU\u0308CHER.example"])
@pytest.mark.parametrize("written", [LETTERS, ASCII, "ada@b\\u00fccher.example", "ada%40xn--bcher-kva.example"])
def test_an_address_is_removed_in_each_spelling_of_its_domain(identity: str, written: str) -> None:
    assert Person(identity).removed_from(f"to {written}, please") == f"to {REMOVED}, please"


def test_a_text_that_is_no_address_has_no_domain() -> None:
    assert spellings("xn--bcher-kva") == {"xn--bcher-kva"}
