"""Collect the texts that people read, for their translation: `make messages`. It needs no GNU gettext.

The texts stay in the order of their ids and have no line numbers, so that a change of the code changes few lines here.
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.template.base import Lexer, TokenType
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[1]
APPS = ("accounts", "config", "events", "readmodel", "tickets")
GERMAN = ROOT / "locale/de/LC_MESSAGES/django.po"
SAID_BY_DOCSTRINGS = ROOT / "tickets/exceptions.py"
"""The docstrings of its classes are what a person reads."""
PLURALS = {name: DEFAULT_KEYWORDS[name.removesuffix("_lazy")] for name in ("ngettext_lazy", "pgettext_lazy")}
CHANGING = tuple(
    f'"{name}'.encode() for name in ("Project-", "Report-", "POT-", "PO-", "Last-", "Language-Team", "Generated-")
)
"""Lines of the header that change at each run, or say nothing."""
MARKED = ("blocktrans", "comment")
NOT_SHOWN = re.compile(r"<!--.*?-->|<!doctype html>|<(script|style)\b.*?</\1>", re.DOTALL | re.IGNORECASE)
TAG = re.compile(r"<[^<>]*>")
ATTRIBUTE = re.compile(r"""\b(?:title|placeholder|aria-label|alt)="([^"]*)""")
WORD = re.compile(r"[^\W\d_]{2}")
NAMES = {"Tickets", "UTC", "API", "PDF", "PNG", "Authorization:", "Bearer", "app-", "model-"}
"""They are the same in all languages, or classes of CSS."""
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
KEYWORDS: Any = {**DEFAULT_KEYWORDS, "gettext_lazy": None, "gettext_noop": None, **PLURALS}


def collected() -> Catalog:
    """Return all texts that the code and the templates mark."""
    catalog = Catalog()
    for path in sources():
        for _, function, texts, _ in _marked_in(path):
            if texts:  # Else it is a variable.
                context, message = _message_of(function, texts)
                catalog.add(message, context=context)
    for docstring in _docstrings_of_classes(SAID_BY_DOCSTRINGS):
        catalog.add(docstring)
    return catalog


def sources() -> Iterator[Path]:
    for app in APPS:
        yield from (path for path in sorted((ROOT / app).rglob("*.py")) if "migrations" not in path.parts)
    yield from templates()


def templates() -> list[Path]:
    return [path for app in APPS for path in sorted((ROOT / app).rglob("*.html")) if "templates" in path.parts]


def _marked_in(path: Path) -> Iterator[tuple[int, str, Any, list[str]]]:
    text = path.read_text()
    if path.suffix == ".html":
        text = "\n".join(line.lstrip() for line in templatize(text).splitlines())
    elif "gettext" not in text:
        return iter(())
    return extract_python(BytesIO(text.encode()), KEYWORDS, [], {"encoding": "utf-8"})


def _docstrings_of_classes(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef):
            yield str(ast.get_docstring(node))


def _message_of(function: str, texts: Any) -> tuple[str | None, Any]:
    """Return the context and the text, or the pair of singular and plural."""
    given = [texts] if isinstance(texts, str) else list(texts)
    positions = KEYWORDS[function] or (1,)
    context, found = None, []
    for position in positions:
        if isinstance(position, tuple):
            context = given[position[0] - 1]
        else:
            found.append(given[position - 1])
    return context, found[0] if len(found) == 1 else tuple(found)


def translated() -> Catalog:
    with GERMAN.open("rb") as file:
        return read_po(file, locale="de", domain="django")


def compiled(catalog: Catalog) -> bytes:
    catalog.creation_date = catalog.revision_date = BEGINNING  # Babel writes the current time otherwise.
    buffer = BytesIO()
    write_mo(buffer, catalog)
    return buffer.getvalue()


def untranslated(catalog: Catalog) -> list[str]:
    """Return the texts without a translation, and those of which somebody should look at it."""
    return [str(message.id) for message in catalog if message.id and (message.fuzzy or not all(_strings_of(message)))]


def _strings_of(message: Message) -> Iterable[str]:
    return message.string if isinstance(message.string, tuple) else [message.string or ""]


def unmarked_in(template: Path) -> list[str]:
    """Return the words that a template shows without a mark for translation, in its text and in its attributes."""
    shown, is_marked = [], False
    for token in Lexer(template.read_text()).tokenize():
        if token.token_type is TokenType.BLOCK:
            is_marked = token.contents.startswith(MARKED) or (is_marked and not token.contents.startswith("end"))
        shown.append(token.contents if token.token_type is TokenType.TEXT and not is_marked else "\N{NO-BREAK SPACE}")
    html = NOT_SHOWN.sub(" ", "".join(shown))
    texts = [*TAG.sub(" ", html).split(), *" ".join(ATTRIBUTE.findall(html)).split()]
    return [text for text in texts if WORD.search(text) and text not in NAMES]


def _write(catalog: Catalog) -> None:
    buffer = BytesIO()
    write_po(buffer, catalog, width=0, sort_output=True, ignore_obsolete=True)
    lines = buffer.getvalue().splitlines(keepends=True)
    GERMAN.write_bytes(b"".join(line for line in lines if not line.startswith(CHANGING)))
    GERMAN.with_suffix(".mo").write_bytes(compiled(translated()))


def main() -> None:
    catalog = translated()
    catalog.update(collected(), no_fuzzy_matching=True)
    _write(catalog)
    for text in untranslated(catalog):
        sys.stdout.write(f"not translated: {text}\n")


if __name__ == "__main__":
    main()
