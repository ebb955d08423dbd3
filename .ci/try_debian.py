"""Run the commands of the operators' pages on a fresh Debian 13, whose first process is systemd.

    sudo python3 .ci/try_debian.py [FOLDER]

Needs debootstrap and systemd-container, and the ports that the pages use (80, 443, 5432, 6379, 8000, 9200). Debian is
made in a new folder, which is removed at the end unless you name it. try_debian.sh has what happens between the pages.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shlex import quote

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs/operations"
TRIALS = Path(__file__).with_suffix(".sh")
MIRROR = "http://deb.debian.org/debian"
CERTIFICATES = Path("usr/local/share/ca-certificates")
BOOT_SECONDS = 60
SHUTDOWN_SECONDS = 30
PASSED_ON = ("REQUESTS_CA_BUNDLE",)
"""Variables by which programs find the certificates of a proxy that this machine has."""


def blocks(page: str) -> list[str]:
    """Return the page's blocks of commands, in order."""
    return re.findall(r"```sh\n(.*?)```", (PAGES / page).read_text(), re.DOTALL)


def printed(block: str) -> str:
    """Let a block be printed before it runs."""
    lines = "\n".join(f"# {line}" for line in block.splitlines())
    return f"echo {quote(lines)}\n{block}"


def script() -> str:
    """Return all commands of the pages, in the order of the trials, where `:page.md` stands for its next block."""
    left = {f":{page}": blocks(page) for page in ("install.md", "backup.md", "restore.md")}
    lines = TRIALS.read_text().splitlines()
    commands = [printed(left[line].pop(0)) if line in left else line for line in lines]
    if unused := {page: len(found) for page, found in left.items() if found}:
        sys.exit(f"{TRIALS.name} leaves blocks out: {unused}")
    return "\n".join(commands)


def make_debian(folder: Path) -> None:
    wanted = ["--variant=minbase", "--include=systemd,systemd-sysv,dbus,ca-certificates"]
    subprocess.run(["debootstrap", *wanted, "trixie", folder, MIRROR], check=True, stdout=subprocess.DEVNULL)
    shutil.copytree("/" / CERTIFICATES, folder / CERTIFICATES, dirs_exist_ok=True)
    subprocess.run(["chroot", folder, "update-ca-certificates"], check=True, capture_output=True)


def bring_code(folder: Path) -> None:
    """Pack this working tree, without what git ignores, as the page expects it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    archive = folder / "root/tickets.tar.gz"
    pack = ["tar", "--create", "--gzip", "--file", archive, "--null", "--files-from", "-", "--ignore-failed-read"]
    subprocess.run(pack, cwd=ROOT, check=True, input=listed.stdout)


@contextmanager
def booted(folder: Path) -> Iterator[int]:
    """Boot the Debian, and yield the process id of its systemd; it is shut down at the end of the block."""
    command = ["systemd-nspawn", "--directory", folder, "--register=no", "--keep-unit", "--boot", "--console=pipe"]
    environment = os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    with subprocess.Popen(command, env=environment, **pipes) as container:  # type: ignore[call-overload]
        try:
            yield _first_process(container)
        finally:
            container.send_signal(signal.SIGTERM)  # It shuts the Debian down; a second one would do it at once.
            with suppress(subprocess.TimeoutExpired):
                container.wait(SHUTDOWN_SECONDS)
            container.send_signal(signal.SIGTERM)


def _first_process(container: "subprocess.Popen[bytes]") -> int:
    children = Path(f"/proc/{container.pid}/task/{container.pid}/children")
    deadline = time.monotonic() + BOOT_SECONDS
    while time.monotonic() < deadline and container.poll() is None:
        if (found := children.read_text().split()) and _is_running(int(found[0])):
            return int(found[0])
        time.sleep(0.5)
    sys.exit("the Debian does not boot")


def _is_running(first: int) -> bool:
    command = [*inside(first), "systemctl", "is-system-running"]
    state = subprocess.run(command, check=False, capture_output=True, text=True)
    return state.stdout.strip() in {"running", "degraded"}


def inside(first: int) -> list[str]:
    passed = [f"{name}={os.environ[name]}" for name in PASSED_ON if name in os.environ]
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    base = ["HOME=/root", path, "LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", *passed]
    return ["nsenter", "--target", str(first), "--all", "env", "--ignore-environment", *base]


def main(folder: Path) -> None:
    begun = time.monotonic()
    commands = script()
    make_debian(folder)
    bring_code(folder)
    with booted(folder) as first:
        subprocess.run([*inside(first), "bash", "-euo", "pipefail", "-c", commands], cwd="/", check=True)
    sys.stdout.write(f"all commands ran, in {time.monotonic() - begun:.0f} s\n")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary) / "debian")
