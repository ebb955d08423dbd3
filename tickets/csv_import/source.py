"""Find out how a CSV file is written: its encoding and its delimiter, as spreadsheet programs save it."""

import codecs
import csv
import hashlib
import re
from collections.abc import Iterable
from io import TextIOWrapper
from itertools import islice
from typing import IO, NamedTuple

from django.utils.translation import gettext as _

from tickets.values.texts import normalized

CHUNK_BYTES = 1_000_000
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Longer ones first, since that of UTF-32 begins with that of UTF-16."""
WINDOWS = "cp1252"
NOT_IN_WINDOWS = re.compile(rb"[\x81\x8d\x8f\x90\x9d]|[\xa1-\xff]{4}")
"""Undefined bytes, and four letters with accents in a row: words of other scripts look so in cp1252."""
WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How files of Excel, LibreOffice and Numbers begin."""
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
NAME = re.compile(r"\w")
DIRECTIVE = re.compile(r'sep=([^\r\n"]?)\s*', re.IGNORECASE)
"""Excel reads and writes it as a first line of its own."""


class NoTicketFile(Exception):
    """The file can't be read as a CSV file of tickets."""


class Source(NamedTuple):
    """A file at its start, and how to read it."""

    file: IO[bytes]
    encoding: str
    delimiter: str
    digest: str
    time_zone: str = ""
    """For rows that have none."""

    @property
    def note(self) -> str:
        """Say which encoding was assumed, if the file does not prove it."""
        if self.encoding != WINDOWS:
            return ""
        return _("The file is not in UTF-8; it was read as cp1252 (Windows). If names look wrong, name its encoding.")

    def text(self) -> TextIOWrapper:
        # Bytes that are not valid become surrogates, which every field refuses: a bad row with its place and column.
        return TextIOWrapper(self.file, encoding=self.encoding, errors="surrogateescape", newline="")


def examine(
    file: IO[bytes], *, columns: Iterable[str], encoding: str = "", delimiter: str = "", time_zone: str = ""
) -> Source:
    """Return the file, which can seek, with what was not named found out; raise NoTicketFile."""
    found = encoding or _encoding_of(file)
    source = Source(file, _known(found), delimiter, digest_of(file), time_zone)
    return source._replace(delimiter=delimiter or _delimiter_of(source, set(columns)))


def _known(encoding: str) -> str:
    try:
        name = codecs.lookup(encoding).name
        "".encode(name)
    except LookupError:
        unknown = _("There is no encoding %(encoding)r; name one such as utf-8, cp1252 or utf-16.")
        raise NoTicketFile(unknown % {"encoding": encoding}) from None
    return "utf-8-sig" if name == "utf-8" else name


def _encoding_of(file: IO[bytes]) -> str:
    file.seek(0)
    start = file.read(4)
    for mark, encoding in MARKS.items():
        if start.startswith(mark):
            return encoding
    if start in WORKBOOKS:
        raise NoTicketFile(_("This is a spreadsheet program's own file; save the sheet as CSV."))
    if len(start) > 1 and 0 in start[:2]:
        return "utf-16-be" if start[0] == 0 else "utf-16-le"
    return _encoding_by_content(file)


def _encoding_by_content(file: IO[bytes]) -> str:
    """Tell UTF-8, perhaps with some broken bytes, from the encoding of Windows in Western Europe."""
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    valid = broken = 0
    is_windows = True
    while chunk := file.read(CHUNK_BYTES):
        others = re.findall(r"[^\x00-\x7f]", decoder.decode(chunk))
        escaped = sum("\udc80" <= character <= "\udcff" for character in others)
        valid, broken = valid + len(others) - escaped, broken + escaped
        is_windows = is_windows and not NOT_IN_WINDOWS.search(chunk)
    if broken <= valid:
        return "utf-8"
    if not is_windows:
        raise NoTicketFile(_("The file is neither in UTF-8 nor in cp1252; save it as UTF-8, or name its encoding."))
    return WINDOWS


def digest_of(file: IO[bytes]) -> str:
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # a progress bar reads it too
    file.seek(0)
    return digest


def _delimiter_of(source: Source, columns: set[str]) -> str:
    """Return the delimiter that the file names, or the one that finds the most names of columns in its first line."""
    text = source.text()
    try:
        lines = [line for line in islice(text, 20) if NAME.search(line)]
    except UnicodeError as error:
        other = _("The file is not in %(encoding)s: %(reason)s; name its encoding.")
        facts = {"encoding": source.encoding, "reason": getattr(error, "reason", "")}
        raise NoTicketFile(other % facts) from error
    finally:
        text.detach()
        source.file.seek(0)
    if lines and (found := DIRECTIVE.fullmatch(lines[0])):
        if found[1]:
            return found[1]
        lines.pop(0)
    first = lines[0] if lines else ""
    return max(DELIMITERS.values(), key=lambda delimiter: len(columns & _names_in(first, delimiter)))


def _names_in(line: str, delimiter: str) -> set[str]:
    try:
        return {name_of(value) for row in csv.reader([line], delimiter=delimiter) for value in row}
    except csv.Error:  # A value is too long for one; reading the rows says so.
        return set()


def name_of(heading: str) -> str:
    """Return the column that a heading names: case, spaces, and what is not shown (U+FEFF) make no difference."""
    return normalized(heading).casefold().replace(" ", "_").replace("-", "_")
