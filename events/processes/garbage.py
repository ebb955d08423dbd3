"""Keep the garbage collector off what a process has loaded: walking through all of it holds up every thread."""

import gc
from functools import cache


@cache
def spare_what_is_loaded() -> None:
    """Let no collection look at the objects of now any more, such as modules and classes; do this once a process."""
    gc.freeze()
