"""Load a library without optional packages that it would load too, but that nobody uses through it.

    with without_packages("httpx", "requests"):
        import elasticsearch

Some libraries load whatever they find installed, and a process that starts pays for it.
"""

import sys
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec


@contextmanager
def without_packages(*names: str) -> Iterator[None]:
    """Let this thread's imports of these packages fail in the block, as if they were not installed.

    What is loaded already stays, and other threads may import them meanwhile.
    """
    refusing = _Refusing(names)
    sys.meta_path.insert(0, refusing)
    try:
        yield
    finally:
        sys.meta_path.remove(refusing)


class _Refusing:
    """A finder of modules that is asked first."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names
        self._thread = threading.get_ident()

    def find_spec(self, fullname: str, _path: Sequence[str] | None = None, _target: object = None) -> ModuleSpec | None:
        if fullname in self._names and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"{fullname} is left out here", name=fullname)
        return None
