"""E-mail addresses of holders may have letters of any script, also before the @."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.forms import modelform_factory

from tests.rest import BODY, LIST, client_with_all
from tests.tickets import issue
from tickets.changes.forms import CorrectionForm
from tickets.models import Ticket
from tickets.values.addresses import validate_address

ADDRESSES = [
    "jürgen@example.org",
    "用户@例え.jp",
    "ιωάννης@example.gr",
    "हिन्दी@example.in",
    "o'connor+café@münchen.example",
    "ada@उदाहरण.भारत",
    "ada@مثال.إختبار",
    "ada@xn--mnchen-3ya.example",
]


@pytest.mark.parametrize("address", [*ADDRESSES, "ada@example.org"])
def test_letters_of_any_script_are_accepted(address: str) -> None:
    validate_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "nobody",
        "@example.org",
        "é@",
        "a b@example.org",
        "jürgen @example.org",
        "jü..rgen@example.org",
        ".ü@example.org",
        "\u0301a@example.org",  # A mark without a letter.
        "ａda@example.org",  # A wide letter: another way to write a.
        "ﬁ@example.org",
        "a\u202eü@example.org",
        "a\u200bü@example.org",
        "ü€@example.org",
        "🎫@example.org",
        "ü<x>@example.org",
        "ü@exa mple.org",
        "ü@b@example.org",
        "ü\n@example.org",
        "ü\0@example.org",
        "ü\ud800@example.org",
        "a\u115fb@example.org",  # A letter that shows nothing.
        "ada@\u202eexample.org",
        "ada@\u2066example\u2069.org",
        "ada@exam\u200cple.org",
        "ada@exam\u2028ple.org",
        "ada@exam\u3164ple.org",
        "ada@ｅxample.org",
        "ada@exam€ple.org",
    ],
)
def test_anything_else_is_refused(address: str) -> None:
    with pytest.raises(ValidationError, match="valid email address"):
        validate_address(address)


@pytest.mark.django_db
class TestWhereTheyEnter:
    @pytest.mark.parametrize("address", ADDRESSES)
    def test_rest_issues_corrects_and_finds_them(self, address: str) -> None:
        client = client_with_all()

        issued = client.post(LIST, {**BODY, "holder_email": address}, format="json")
        corrected = client.patch(
            f"{LIST}{issue().id}/", {"holder_email": address}, format="json", headers={"If-Match": "*"}
        )

        assert (issued.status_code, issued.json()["holder_email"]) == (201, address)
        assert (corrected.status_code, corrected.json()["holder_email"]) == (200, address)
        assert len(client.get(LIST, {"holder_email": address}).json()["results"]) == 2

    def test_rest_takes_a_decomposed_letter_as_one(self) -> None:
        issued = client_with_all().post(LIST, {**BODY, "holder_email": "ju\u0308rgen@example.org"}, format="json")

        assert issued.json()["holder_email"] == "jürgen@example.org"

    def test_no_browser_refuses_what_the_forms_accept(self) -> None:
        fields: list[Any] = [
            modelform_factory(Ticket, fields=["holder_email"])().fields["holder_email"],
            CorrectionForm(issue()).fields["holder_email"],
        ]

        assert [(field.widget.input_type, field.widget.attrs["inputmode"]) for field in fields] == [
            ("text", "email")
        ] * 2
