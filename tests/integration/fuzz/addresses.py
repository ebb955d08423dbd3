"""All addresses of the URL configuration, with values for their arguments."""

import re
from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver
from hypothesis import strategies as st

ARGUMENT = re.compile(r"<(?:(\w+):)?\w+>|\(\?P<\w+>[^)]*\)")
UUIDS = st.sampled_from(["0198c0de-0000-7000-8000-000000000000", "no-id", "%00", "1" * 200, "9" * 5_000])
NUMBERS = st.sampled_from(["1", "2", "0", "9" * 18, "9" * 19, "9" * 5_000])
PATHS = UUIDS | NUMBERS | st.sampled_from(["a/b", "_5F00", "%FF", "%ED%A0%80", "..", "_", "%E2%80%AE", "add"])
CONVERTERS = {"int": NUMBERS, "uuid": UUIDS}


def routes(patterns: list[URLPattern | URLResolver] | None = None, prefix: str = "/") -> Iterator[str]:
    """Yield the routes of all views, as Django spells them."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + re.sub(r"[\^$\\]|\\Z", "", str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        else:
            yield route


def addresses(route: str, known: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return addresses of the route; `known` has ids of rows that exist."""
    arguments = [known | CONVERTERS.get(found[1], PATHS) for found in ARGUMENT.finditer(route)]
    literals = ARGUMENT.sub("\0", route).split("\0")
    return st.tuples(*arguments).map(
        lambda values: literals[0] + "".join(map("".join, zip(values, literals[1:], strict=True)))
    )
