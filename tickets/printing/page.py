"""Lay a ticket out as a page to be printed, or shown on a phone."""

from collections.abc import Iterable

from django.utils.translation import get_language, gettext
from fpdf import FPDF

from tickets.models import Ticket
from tickets.printing.fonts import REPLACEMENT, SANS, fallbacks_for, printable
from tickets.printing.qr_code import image_of
from tickets.values import written
from tickets.values.venue_time import at_venue

A5 = (148, 210)
MARGIN, GAP = 12, 6
QR_SIDE = 62
LONG_TITLE = 60
GREY = 90


def pdf_of(ticket: Ticket) -> bytes:
    """Return the page, of the size A5, in the language of the request."""
    facts = [(name, printable(value)) for name, value in _facts_of(ticket) if value]
    page = FPDF("landscape", "mm", A5)
    page.set_title(printable(ticket.title))
    page.set_lang(get_language() or "en")
    page.set_margin(MARGIN)
    page.set_auto_page_break(auto=True, margin=MARGIN / 2)  # Long names go on, on another page.
    page.add_page()
    _use_fonts(page, "".join([printable(ticket.title), *(text for fact in facts for text in fact)]))
    _draw_qr_code(page, ticket)
    _write_facts(page, printable(ticket.title), facts)
    if REPLACEMENT in "".join([printable(ticket.title), *(value for _, value in facts)]):
        _write_note(page, gettext("Characters that can’t be printed here are shown as �."))
    return bytes(page.output())


def _facts_of(ticket: Ticket) -> Iterable[tuple[str, str]]:
    yield gettext("Venue"), ticket.venue
    yield gettext("Starts"), written.moment(at_venue(ticket.starts_at, ticket.time_zone))
    yield gettext("Seat"), ticket.seat
    yield gettext("Holder"), ticket.holder_name
    yield gettext("Price"), written.price(ticket.price, ticket.currency)


def _use_fonts(page: FPDF, text: str) -> None:
    page.add_font("sans", fname=SANS)
    further = fallbacks_for(text)
    for number, path in enumerate(further):
        page.add_font(f"further{number}", fname=path)
    page.set_fallback_fonts([f"further{number}" for number in range(len(further))], exact_match=False)
    page.set_text_shaping(use_shaping_engine=True)  # Joins Arabic letters, and orders text from right to left.


def _draw_qr_code(page: FPDF, ticket: Ticket) -> None:
    """Draw the QR code, and the code below."""
    page.image(image_of(ticket), page.w - MARGIN - QR_SIDE, MARGIN, QR_SIDE, QR_SIDE)
    page.set_font("sans", size=16)
    page.set_font_size(min(16, 16 * (QR_SIDE - 2) / page.get_string_width(ticket.code)))  # An import's may be long.
    page.set_xy(page.w - MARGIN - QR_SIDE, MARGIN + QR_SIDE)
    page.cell(QR_SIDE, 8, ticket.code, align="C")


def _write_facts(page: FPDF, title: str, facts: Iterable[tuple[str, str]]) -> None:
    width = page.w - 2 * MARGIN - QR_SIDE - GAP
    page.set_xy(MARGIN, MARGIN)
    page.set_font("sans", size=20 if len(title) <= LONG_TITLE else 12)
    page.multi_cell(width, 9 if len(title) <= LONG_TITLE else 6, title, align="L", new_x="LMARGIN", new_y="NEXT")
    for name, value in facts:
        page.set_y(page.get_y() + 2)
        page.set_font("sans", size=8)
        page.set_text_color(GREY)
        page.cell(width, 4, name, new_x="LMARGIN", new_y="NEXT")
        page.set_font("sans", size=12)
        page.set_text_color(0)
        page.multi_cell(width, 6, value, align="L", new_x="LMARGIN", new_y="NEXT")


def _write_note(page: FPDF, text: str) -> None:
    page.set_xy(MARGIN, page.h - MARGIN)
    page.set_font("sans", size=8)
    page.set_text_color(GREY)
    page.cell(page.w - 2 * MARGIN, 4, text)
