"""Stop the supervisord that runs this process when the owner of the data folder ends, even by SIGKILL.

Run as `python -m config.supervisord.watchdog LOCK_FILE`.
"""

import fcntl
import os
import signal
import sys
from pathlib import Path


def _main(lock: Path) -> None:
    supervisord = os.getppid()
    with lock.open() as owners_lock:
        fcntl.flock(owners_lock, fcntl.LOCK_SH)  # Waits until the owner ends.
    if os.getppid() == supervisord:  # Otherwise it was killed too, and another process may have its id.
        os.kill(supervisord, signal.SIGTERM)


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
