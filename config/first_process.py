"""End the first process of a container when it is asked to, also before its program handles signals by itself.

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


def _end(_signum: int, _frame: FrameType | None) -> None:
    sys.exit(ENDED_BY_SIGTERM)
