"""End a process when it is asked to, also before its program handles signals by itself.

For the first process of a container the kernel ignores each signal that has no handler, so that a SIGTERM while Python
loads the program would be lost, and the container would be killed at the end of its patience.
"""

import os
import signal
import sys
from types import FrameType

FIRST = 1
ENDED_BY_SIGTERM = 128 + signal.SIGTERM


def end_when_asked() -> None:
    """Let SIGTERM end this process as it ends any other, if it is the first one."""
    if os.getpid() == FIRST:
        signal.signal(signal.SIGTERM, _end)


def end_at_interrupt() -> None:
    """Let Ctrl-C end the process without a traceback while it loads its program, and has nothing to clean up.

    Where it is ignored, as in the background of a shell, it stays so.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def raise_at_interrupt() -> None:
    """Let Ctrl-C raise KeyboardInterrupt from now on, as Python does, so that the program can clean up."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(_signum: int, _frame: FrameType | None) -> None:
    sys.exit(ENDED_BY_SIGTERM)
