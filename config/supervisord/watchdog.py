"""Stop the supervisord that runs this when the owner of the data folder is gone, even by SIGKILL.

Run as `python -m config.supervisord.watchdog LOCK_FILE`.
"""

import fcntl
import os
import signal
import sys
from pathlib import Path


def _main(lock: Path) -> None:
    supervisord = os.getppid()
    with lock.open() as held_by_the_owner:
        fcntl.flock(held_by_the_owner, fcntl.LOCK_SH)  # Waits for the owner's end.
    if os.getppid() == supervisord:  # Else it was killed too, and its process id may be anybody's.
        os.kill(supervisord, signal.SIGTERM)


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
