"""Tables, colours and progress for the terminal, by rich: all text is made printable, and nothing is cut."""

import sys
from collections.abc import Iterable
from typing import Any, NoReturn

from rich.console import Console as RichConsole
from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table as RichTable
from rich.text import Text

from events.management.command import Output
from events.texts.printable import printable

UNLIMITED = 100_000
"""The width, in columns, of a file or a pipe."""


class Console(RichConsole):
    """Prints to a command's output, the standard error by default."""

    def __init__(self, output: Output | None = None, **options: Any) -> None:
        file = output.raw if output else sys.stderr
        super().__init__(file=file, **options)
        if not self.is_terminal:
            self.width = UNLIMITED

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))

    def write(self, text: str) -> None:
        """Print a text of any length as it is, which rich would take long to wrap."""
        self.file.write(printable(text))

    def on_broken_pipe(self) -> NoReturn:
        raise BrokenPipeError


class Table(RichTable):
    """A table whose cells are plain text; what is wider than the terminal is folded."""

    def add_column(self, header: RenderableType = "", *args: Any, **options: Any) -> None:
        super().add_column(header, *args, **{"overflow": "fold", **options})

    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
        super().add_row(*(Text(printable(cell)) if isinstance(cell, str) else cell for cell in cells), **options)
