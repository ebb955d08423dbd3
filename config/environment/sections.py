"""Declare and read the environment variables of one part of the documentation."""

from collections.abc import Callable, Sequence
from typing import Unpack

from config.environment.values import choice, decimal, listed, log_level, long_enough, switch, whole
from config.environment.variables import Described, Environment, Variable

DAY = 86_400
MOST = 1_000_000_000


class Section:
    """A part of the documentation, with the variables that are read by it."""

    def __init__(self, environment: Environment, title: str) -> None:
        self._environment = environment
        self._title = title

    def text(self, name: str, *, default: str = "", meaning: str, **described: Unpack[Described]) -> str:
        return self._read(Variable(name, self._title, "text", default, meaning, **described), str, default)

    def switch(self, name: str, *, default: bool, meaning: str, **described: Unpack[Described]) -> bool:
        return self._read(Variable(name, self._title, "switch", default, meaning, **described), switch, default)

    def log_level(self, name: str, *, default: str, meaning: str, **described: Unpack[Described]) -> str:
        return self._read(Variable(name, self._title, "level", default, meaning, **described), log_level, default)

    def choice(
        self, name: str, choices: Sequence[str], *, default: str, meaning: str, **described: Unpack[Described]
    ) -> str:
        variable = Variable(name, self._title, " or ".join(choices), default, meaning, **described)
        return self._read(variable, lambda text: choice(text, choices), default)

    def number(
        self,
        name: str,
        *,
        default: int,
        meaning: str,
        least: int = 1,
        most: int = MOST,
        **described: Unpack[Described],
    ) -> int:
        bounds = f"from {least:,}" if most == MOST else f"{least:,} to {most:,}"
        variable = Variable(name, self._title, f"whole number {bounds}", default, meaning, **described)
        return self._read(variable, lambda text: whole(text, least, most), default)

    def seconds(
        self, name: str, *, default: float, meaning: str, most: float = DAY, **described: Unpack[Described]
    ) -> float:
        """Read a duration above 0."""
        variable = Variable(name, self._title, f"seconds, up to {most:,}", default, meaning, **described)
        return self._read(variable, lambda text: decimal(text, most), default)

    def items(
        self,
        name: str,
        *,
        meaning: str,
        default: Sequence[str] = (),
        each: Callable[[str], str] = str,
        **described: Unpack[Described],
    ) -> list[str]:
        """Read texts that are separated by commas; `each` raises ValueError for a wrong one."""
        variable = Variable(name, self._title, "list", ",".join(default), meaning, **described)
        return self._read(variable, lambda text: [each(item) for item in listed(text)], list(default))

    def secret(self, name: str, *, meaning: str, **described: Unpack[Described]) -> str:
        """Read a text that must not be shown, and that nobody can guess."""
        variable = Variable(name, self._title, "secret", "", meaning, is_secret=True, **described)
        return self._read(variable, long_enough, "")

    def secrets(self, name: str, *, meaning: str, **described: Unpack[Described]) -> list[str]:
        """Read a list of texts that must not be shown."""
        variable = Variable(name, self._title, "list of secrets", "", meaning, is_secret=True, **described)
        return self._read(variable, listed, [])

    def url[Value](
        self,
        name: str,
        parse: Callable[[str], Value],
        *,
        otherwise: Value,
        meaning: str,
        **described: Unpack[Described],
    ) -> Value:
        """Read a URL with a password in it, and parse it."""
        variable = Variable(name, self._title, "URL", "", meaning, is_secret=True, **described)
        return self._read(variable, parse, otherwise)

    def _read[Value](self, variable: Variable, parse: Callable[[str], Value], default: Value) -> Value:
        return self._environment.read(variable, parse, default)
