"""Why a search is not made, or not continued."""

from collections.abc import Mapping


class InvalidSearch(ValueError):
    """A search that is not made; `errors` says by parameter why."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(f"{parameter}: {message}" for parameter, message in errors.items()))
        self.errors = errors


class PointInTimeLost(Exception):
    """The tickets are not kept any more as they were when the search began."""
