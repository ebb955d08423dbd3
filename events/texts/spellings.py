"""The ways in which one text may be written, to find it in all of them."""

import unicodedata
from urllib.parse import quote

import msgspec

ACE = "xn--"
"""How a part of a domain begins that stands for letters beyond ASCII (RFC 5890)."""


def normal(identity: str) -> str:
    """Return the form in which identities are compared: neither case nor the spelling of a domain matters."""
    user, at, domain = identity.strip().rpartition("@")
    return unicodedata.normalize("NFC", user + at + (_in_letters(domain) if at else domain)).casefold()


def spellings(text: str) -> set[str]:
    """Return how the text may be written in columns, JSON and addresses, to look for all of them in any case.

    An escaped capital is another escape, so that small letters are among them too.
    """
    found: set[str] = set()
    for written in _with_each_domain(text) | _with_each_domain(text.lower()):
        composed, decomposed = unicodedata.normalize("NFC", written), unicodedata.normalize("NFD", written)
        escaped = {msgspec.json.encode(form).decode()[1:-1] for form in (composed, decomposed)}
        ascii_only = {form.encode("ascii", "backslashreplace").decode().replace("\\x", "\\u00") for form in escaped}
        found |= {composed, decomposed, *escaped, *ascii_only, quote(composed, safe="")}
    return found


def _with_each_domain(text: str) -> set[str]:
    """Return the text, and if it is an e-mail address also that with its domain in letters and in ASCII."""
    user, at, domain = text.rpartition("@")
    return {text, user + at + _in_letters(domain), user + at + _in_ascii(domain)} if at else {text}


def _in_letters(domain: str) -> str:
    return ".".join(map(_label_in_letters, domain.split(".")))


def _label_in_letters(label: str) -> str:
    if not label.lower().startswith(ACE):
        return label
    try:
        letters = label[len(ACE) :].lower().encode().decode("punycode")
    except UnicodeError:
        return label
    return label if letters.isascii() else letters


def _in_ascii(domain: str) -> str:
    # IDNA writes letters small and composed.
    return ".".join(map(_label_in_ascii, unicodedata.normalize("NFC", domain.lower()).split(".")))


def _label_in_ascii(label: str) -> str:
    return label if label.isascii() else ACE + label.encode("punycode").decode()
