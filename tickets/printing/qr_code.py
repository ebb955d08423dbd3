"""Draw a ticket's QR code."""

from io import BytesIO

import segno
from PIL import Image, ImageDraw, ImageFont

from tickets.gate.signed_code import signed
from tickets.models import Ticket
from tickets.printing.fonts import SANS

PIXELS = 600
CODE_HEIGHT = 90
QUIET_MODULES = 4
MARGIN = 20


def image_of(ticket: Ticket) -> Image.Image:
    """Return a square with the QR code and the quiet zone around it; a quarter of it may be unreadable."""
    rows = list(segno.make(signed(ticket.code), error="q", micro=False).matrix)
    side = len(rows)
    modules = Image.new("L", (side, side))
    modules.putdata([0 if is_dark else 255 for row in rows for is_dark in row])
    scale = PIXELS // (side + 2 * QUIET_MODULES)  # Whole pixels, so that all modules are equal.
    margin = (PIXELS - side * scale) // 2
    image = Image.new("L", (PIXELS, PIXELS), 255)
    image.paste(modules.resize((side * scale, side * scale), Image.Resampling.NEAREST), (margin, margin))
    return image


def png_of(ticket: Ticket) -> bytes:
    """Return an image of the QR code with the code below it, for wallets, e-mails and screens."""
    image = Image.new("L", (PIXELS, PIXELS + CODE_HEIGHT), 255)
    image.paste(image_of(ticket), (0, 0))
    font = ImageFont.truetype(SANS, CODE_HEIGHT / 2)
    if (excess := font.getlength(ticket.code) / (PIXELS - 2 * MARGIN)) > 1:  # A code of an import may be long.
        font = ImageFont.truetype(SANS, CODE_HEIGHT / 2 / excess)
    ImageDraw.Draw(image).text((PIXELS / 2, PIXELS + CODE_HEIGHT / 3), ticket.code, font=font, fill=0, anchor="mm")
    file = BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()
