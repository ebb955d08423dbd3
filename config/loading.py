"""Load a program without the collector of garbage, which would look at each new module again and again.

Loading makes hardly any garbage, and what it makes stays, so that a collection would be work for nothing.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def nothing_collected() -> Iterator[None]:
    """Collect no garbage in the block, and never look at what was made in it afterwards."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
