"""Run the README's two commands as on a fresh machine: a new clone, empty caches, and a new home.

    python3 benchmarks/first_start.py [--up]

Like the commands, it needs only Python, pip and git. It prints how long each command took; `up` prints the time of its
downloads separately. `--up` leaves the tests out, and takes packages from this machine's caches.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description="Run the README's two commands as on a fresh machine.")
    parser.add_argument("--up", action="store_true", help="leave the tests out, and use this machine's caches")
    only_up = parser.parse_args().up
    with tempfile.TemporaryDirectory(prefix="first-start-") as folder:
        measure(Path(folder), only_up=only_up)


def measure(folder: Path, *, only_up: bool) -> None:
    clone, environment = folder / "clone", fresh_environment(folder)
    if only_up:
        environment |= {
            "UV_CACHE_DIR": str(Path.home() / ".cache" / "uv"),
            "M2_REPO": str(Path.home() / ".m2/repository"),
        }
    run("git", "clone", "--quiet", str(ROOT), str(clone), cwd=folder, environment=environment)
    demo = ("uv", "run", "manage.py", "up", "--demo", "--exit", "--port", str(free_port()))
    steps = {
        "python3 -m pip install uv": (environment["PYTHON"], "-m", "pip", "install", "--quiet", "uv"),
        "uv run manage.py up --demo, first start": demo,
        "uv run manage.py up --demo, second start": demo,
    }
    if not only_up:
        steps["uv run pytest"] = ("uv", "run", "pytest", "-q")
    seconds = {name: run(*step, cwd=clone, environment=environment) for name, step in steps.items()}
    print(f"\n| command | seconds, on {os.cpu_count()} cores |\n|---|---|")
    for name, measured in seconds.items():
        print(f"| {name} | {measured:.0f} |")


def fresh_environment(folder: Path) -> dict[str, str]:
    """Return an environment with its own home and Python, without this machine's caches."""
    python = folder / "python"
    venv.create(python, with_pip=True)
    (folder / "home").mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "UV_", "VIRTUAL_ENV"))}
    commands = f"{python / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return kept | {"HOME": str(folder / "home"), "PATH": commands, "PYTHON": str(python / "bin/python3")}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(*command: str, cwd: Path, environment: dict[str, str]) -> float:
    """Run a command and return how many seconds it took; exit with its code if it fails."""
    print(f"$ {' '.join(command)}", flush=True)
    started = time.monotonic()
    exit_code = subprocess.run(command, cwd=cwd, env=environment, check=False).returncode
    if exit_code:
        sys.exit(exit_code)
    return time.monotonic() - started


if __name__ == "__main__":
    main()
