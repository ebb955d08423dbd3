"""Declare environment variables and read them in one step; what is wrong is noted, not raised.

A process can thus report all that is wrong at once (refusal.py), and the documentation has each variable (table.py).
An empty variable is as good as none.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TypedDict

from config.environment.files import secret_in

FILE = "_FILE"


class Described(TypedDict, total=False):
    example: str
    default_is: str
    """The default in words, where it is no plain value."""
    required: str
    """What to do if the variable is missing."""


class Variable(NamedTuple):
    """A variable as the documentation shows it."""

    name: str
    section: str
    kind: str
    default: object
    meaning: str
    example: str = ""
    default_is: str = ""
    required: str = ""
    is_secret: bool = False
    """A file can hold it: NAME_FILE is the file's path."""


class Environment:
    """The variables of a process, and what is declared of them.

    A variable with a wrong value has its default, and a sentence in `wrong`; a missing one has a sentence in `missing`.
    """

    def __init__(self, given: Mapping[str, str]) -> None:
        self.given = _not_empty(given.items())
        self._added: Mapping[str, str] = {}
        self.variables: dict[str, Variable] = {}
        self.wrong: dict[str, str] = {}
        self.missing: dict[str, str] = {}

    def add(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Add variables of lower precedence, also than files that stand for them."""
        self._added = _not_empty(pairs)

    @property
    def names(self) -> set[str]:
        """All names that are declared."""
        secrets = {name + FILE for name, variable in self.variables.items() if variable.is_secret}
        return {*self.variables, *secrets}

    def named(self, names: Iterable[str]) -> dict[str, str]:
        """Return those of the variables that were given, and not just added."""
        found = {name: _text(self.variables[name], self.given) for name in names if name not in self.wrong}
        return {name: text for name, text in found.items() if text is not None}

    def read[Value](self, variable: Variable, parse: Callable[[str], Value], default: Value) -> Value:
        """Declare a variable and return its value."""
        self.variables[variable.name] = variable
        try:
            text = _text(variable, self.given)
            if text is None:
                text = _text(variable, self._added)
            if text is None and variable.required:
                self.missing[variable.name] = variable.required
            return default if text is None else parse(text)
        except ValueError as error:
            self.wrong[variable.name] = str(error)
            return default


def _not_empty(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name: value for name, value in pairs if value}


def _text(variable: Variable, source: Mapping[str, str]) -> str | None:
    """Return the text of a variable, or of its file; raise ValueError."""
    text, file = source.get(variable.name), source.get(variable.name + FILE)
    if file is None or not variable.is_secret:
        return text
    if text is not None:
        raise ValueError(f"it and {variable.name}{FILE} are both set; remove one")
    return secret_in(file)
