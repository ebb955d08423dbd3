"""Read the JSON body of a REST request strictly: what two readers could understand differently is refused."""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from math import isfinite
from typing import Any, Never

from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import BaseParser

LONE_SURROGATE = re.compile("[\ud800-\udfff]")
ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
"""Only such an escape makes a lone surrogate, which no text in UTF-8 can have, so neither table nor answer."""
NO_TEXT = "This has half of a character, an escape such as \\ud83d without its second half; write the whole character."
MAX_NAMED = 10
MAX_NAME_LENGTH = 50


class StrictJSONParser(BaseParser):
    """Take UTF-8 without repeated names, NaN, infinity, and numbers, nesting or text that a program can't hold."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:  # noqa: ARG002 (REST framework's signature)
        try:
            text = stream.read().decode()
            found = json.loads(
                text, object_pairs_hook=_without_repetition, parse_constant=_refuse_constant, parse_float=_finite
            )
            if ESCAPED_SURROGATE.search(text):
                _expect_text(found)
        except RecursionError as error:
            raise ParseError("The JSON is nested too deeply.") from error
        except UnicodeDecodeError as error:
            raise ParseError("The JSON is not UTF-8.") from error
        except json.JSONDecodeError as error:
            raise ParseError(f"This is not JSON: {error}") from error
        except ValueError as error:
            raise ParseError("A number of the JSON has too many digits.") from error
        return found


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise ParseError(f"The JSON has {json.dumps(repeated[:50])} more than once.")
    return found


def _refuse_constant(name: str) -> Never:
    raise ParseError(f"JSON has no number {name}.")


def _finite(digits: str) -> float:
    number = float(digits)
    if not isfinite(number):
        raise ParseError("A number of the JSON is too large.")
    return number


def _expect_text(found: Any) -> None:
    """Raise ValidationError, by the names of the fields, if a text or a name has a lone surrogate."""
    if paths := list(islice(_paths_of_no_text(found), MAX_NAMED)):
        raise ValidationError({path[:MAX_NAME_LENGTH] or "non_field_errors": [NO_TEXT] for path in paths})


def _paths_of_no_text(found: Any, path: str = "") -> Iterator[str]:
    """Yield where they are, with dots: 17.title."""
    if isinstance(found, str) and LONE_SURROGATE.search(found):
        yield path
    named = found.items() if isinstance(found, Mapping) else enumerate(found) if isinstance(found, list) else ()
    for name, below in named:
        inner = f"{path}.{name}".removeprefix(".")
        if LONE_SURROGATE.search(inner):
            yield LONE_SURROGATE.sub("?", inner)
        else:
            yield from _paths_of_no_text(below, inner)
