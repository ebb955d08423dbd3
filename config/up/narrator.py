"""Print the progress of `up`: each sentence with the seconds since the start, downloads not counted."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from events.management.console import Console


class Narrator:
    def __init__(self, console: Console, *, seconds_before: float = 0.0) -> None:
        self.console = console
        self._start = time.monotonic() - seconds_before

    def tell(self, sentence: str) -> None:
        self.console.print(f"[cyan]{time.monotonic() - self._start:6.2f} s[/]  {sentence}", soft_wrap=True)

    def meanwhile(self, doing: str) -> AbstractContextManager[object]:
        """Show an activity on the terminal until the block ends."""
        return self.console.status(doing) if self.console.is_terminal else nullcontext()

    @contextmanager
    def apart(self, what: str) -> Iterator[None]:
        """Leave the time of a block out of the count, and print it by itself."""
        begun = time.monotonic()
        yield
        seconds = time.monotonic() - begun
        self._start += seconds
        self.tell(f"{what}: {seconds:.1f} s, not counted here")
