"""Put temporary files into memory where there is room: tests wait most of all for what servers sync to a disk.

Processes are killed in the tests, machines are not, so nothing that was written is lost.
"""

import os
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 (files get folders of their own there)
ROOM_BYTES = 4_000_000_000


def write_in_memory() -> None:
    """Name the place in TMPDIR, for this process and all that it starts, unless somebody has named another one."""
    if "TMPDIR" in os.environ or not MEMORY.is_dir():
        return
    found = os.statvfs(MEMORY)
    may_run_programs = not found.f_flag & os.ST_NOEXEC  # Elasticsearch unpacks a library there.
    if may_run_programs and found.f_bavail * found.f_frsize > ROOM_BYTES:
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)
