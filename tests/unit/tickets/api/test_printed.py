"""Test tickets as files: the QR code is read back from the image and from the page."""

import re
import struct
import zlib
from io import BytesIO
from typing import Any

import pytest
import zxingcpp
from PIL import Image
from rest_framework.test import APIClient

from tests.rest import LIST, PROBLEM, client_with, client_with_all
from tests.tickets import issue
from tickets.gate.signed_code import signed
from tickets.models import Ticket
from tickets.printing import fonts
from tickets.printing.fonts import fallbacks_for, printable

pytestmark = pytest.mark.django_db

IMAGE = re.compile(
    rb"/Height (\d+)\s.*?/Subtype /Image\s.*?/Width (\d+)\s*>>\s*stream\r?\n(.*?)\r?\nendstream", re.DOTALL
)


@pytest.fixture
def client() -> APIClient:
    return client_with_all()


def show(client: APIClient, ticket: Ticket, name: str, **headers: str) -> Any:
    return client.get(f"{LIST}{ticket.id}/{name}", headers=headers)


def texts_in(image: Image.Image) -> list[str]:
    return [found.text for found in zxingcpp.read_barcodes(image)]


def image_in(pdf: bytes) -> Image.Image:
    """Return the picture of a page: its bytes are those of a grey PNG's rows."""
    [(height, width, rows)] = IMAGE.findall(pdf)
    header = struct.pack(">IIBBBBB", int(width), int(height), 8, 0, 0, 0, 0)
    chunks = (_chunk(b"IHDR", header), _chunk(b"IDAT", rows), _chunk(b"IEND", b""))
    return Image.open(BytesIO(b"\x89PNG\r\n\x1a\n" + b"".join(chunks)))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_the_image_has_the_signed_code_and_nothing_else(client: APIClient) -> None:
    ticket = issue()

    answer = show(client, ticket, "ticket.png", Accept="image/png")

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
    assert texts_in(Image.open(BytesIO(answer.content))) == [signed(ticket.code)]


def test_the_longest_code_fits_below_the_qr_code(client: APIClient) -> None:
    image = Image.open(BytesIO(show(client, issue(code="W" * 20), "ticket.png").content))

    assert [image.crop((x, 0, x + 10, image.height)).getextrema() for x in (0, image.width - 10)] == [(255, 255)] * 2


@pytest.mark.parametrize("name", ["José Núñez", "محمد عبد الله", "שלום כהן", "山田太郎", "김철수 ฉัน"])
def test_the_page_has_the_signed_code_whatever_the_holder_s_script_is(client: APIClient, name: str) -> None:
    ticket = issue(holder_name=name, title="W" * 200, venue="M" * 200, seat="")

    answer = show(client, ticket, "ticket.pdf", Accept="application/pdf", **{"Accept-Language": "de"})

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/pdf")
    assert answer.headers["Content-Disposition"] == f'inline; filename="ticket-{ticket.code}.pdf"'
    assert texts_in(image_in(answer.content)) == [signed(ticket.code)]
    assert b"/Lang (de)" in answer.content


@pytest.mark.parametrize("name", ["ticket.pdf", "ticket.png"])
def test_a_canceled_ticket_is_not_printed(client: APIClient, name: str) -> None:
    ticket = issue()
    ticket.void()

    answer = show(client, ticket, name, Accept="image/*")

    assert (answer.status_code, answer.headers["Content-Type"]) == (409, PROBLEM)
    assert answer.json()["type"] == "urn:problem:already-canceled"


@pytest.mark.parametrize("name", ["ticket.pdf", "ticket.png"])
def test_who_may_only_check_in_gets_no_ticket(name: str) -> None:
    assert show(client_with("check_in_ticket"), issue(), name).status_code == 403


def test_each_script_is_printed_with_a_font_that_has_it_or_replaced_visibly() -> None:
    assert fallbacks_for("José Δ Ж ع א ₂ 5 €") == []
    assert fallbacks_for("山田 さん") == [fonts.CHINESE_AND_JAPANESE]
    assert printable("A山 نا\u200c김ฉ") == "A山 نا\u200c��"
