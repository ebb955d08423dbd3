"""Read the JSON body of a REST request strictly: what two readers could understand differently is refused."""

import json
from math import isfinite
from typing import Any, Never

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser


class StrictJSONParser(BaseParser):
    """Take UTF-8 without repeated names, NaN, infinity, and numbers or nesting beyond what a program can hold."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:  # noqa: ARG002 (REST framework's signature)
        try:
            text = stream.read().decode()
            return json.loads(
                text, object_pairs_hook=_without_repetition, parse_constant=_refuse_constant, parse_float=_finite
            )
        except RecursionError as error:
            raise ParseError("The JSON is nested too deeply.") from error
        except UnicodeDecodeError as error:
            raise ParseError("The JSON is not UTF-8.") from error
        except json.JSONDecodeError as error:
            raise ParseError(f"This is not JSON: {error}") from error
        except ValueError as error:
            raise ParseError("A number of the JSON has too many digits.") from error


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
