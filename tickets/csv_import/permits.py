"""Permits to send a large file: the page of the import gives them to those who may import, in its form's address.

A permit is checked before a body is read, without the database: somebody else can make no process read a large one.
"""

from urllib.parse import parse_qs, urlencode

from django.core.signing import BadSignature, TimestampSigner

PARAMETER = "permit"
VALID_SECONDS = 3600
"""How long somebody may take to choose the file."""
SALT = "tickets.csv_import.permits"


def new_permit() -> str:
    """Return a query string for the form's address."""
    return urlencode({PARAMETER: TimestampSigner(salt=SALT).sign("file")})


def has_permit(query: bytes) -> bool:
    """Tell whether a request's query has a permit that is valid now."""
    [*_, permit] = parse_qs(query.decode("latin-1")).get(PARAMETER, [""])
    try:
        TimestampSigner(salt=SALT).unsign(permit, max_age=VALID_SECONDS)
    except BadSignature:
        return False
    return True
