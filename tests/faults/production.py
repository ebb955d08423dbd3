"""Run the programs of config/supervisord as in production, on the tests' servers, while clients use the service."""

import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import httpx
from django.contrib.auth.models import Permission, User

from accounts.models import Token
from config.supervisord.ports import LOOPBACK, answers, free_port
from tests.processes import ROOT, environment
from tests.rest import BODY, LIST
from tests.waiting import PATIENCE_SECONDS, wait_until

CONFIGURATION = ROOT / "config/supervisord"
CLIENTS = 3
STARTING_SECONDS = 3 * PATIENCE_SECONDS
"""All programs start at once, and a request waits until a restarted web server has started."""
NEW_CONNECTIONS = httpx.Limits(max_keepalive_connections=0)


class Production:
    """A supervisord with the production set; its files are in a folder of its own."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port

    def configure(self, configuration: str) -> None:
        """Write the configuration, with the paths and the port of this machine."""
        for path, ours in {
            "/srv/tickets": str(ROOT),
            "/run/tickets": str(self.folder),
            "/var/log/tickets": str(self.folder),
            "/etc/tickets": str(self.folder),
            'WEB_PORT="8000"': f'WEB_PORT="{self.port}"',
            'GRANIAN_WORKERS="2"': 'GRANIAN_WORKERS="1"',
        }.items():
            assert path in configuration
            configuration = configuration.replace(path, ours)
        (self.folder / "supervisord.conf").write_text(configuration)

    def set_numbers(self, **numbers: int) -> None:
        lines = (f"[program:{program}]\nnumprocs={number}\n" for program, number in numbers.items())
        (self.folder / "numbers.conf").write_text("".join(lines))

    def control(self, *words: str) -> str:
        """Run supervisorctl; return what it prints."""
        command = (sys.executable, "-m", "supervisor.supervisorctl", "-c", str(self.folder / "supervisord.conf"))
        return subprocess.run((*command, *words), capture_output=True, text=True, check=False).stdout

    def running(self) -> set[str]:
        return {line.split()[0] for line in self.control("status").splitlines() if line.split()[1] == "RUNNING"}


@contextmanager
def production(numbers: Mapping[str, int], **variables: str) -> Iterator[Production]:
    """Run the production set until the block ends."""
    with tempfile.TemporaryDirectory(prefix="prod-") as folder:  # The path of a socket has at most 107 characters.
        service = Production(Path(folder), free_port())
        service.configure((CONFIGURATION / "production.conf").read_text())
        service.set_numbers(**numbers)
        path = f"{Path(sys.executable).parent}:{environment()['PATH']}"
        command = (sys.executable, "-m", "supervisor.supervisord", "-c", f"{folder}/supervisord.conf")
        with subprocess.Popen(
            command, env=environment(PATH=path, **variables), stdout=subprocess.DEVNULL, cwd=ROOT
        ) as supervisord:
            try:
                wait_until(lambda: answers(service.port, "/healthz"), within_seconds=STARTING_SECONDS)
                yield service
            finally:
                supervisord.terminate()


@contextmanager
def clients(port: int) -> Iterator[Counter[int]]:
    """Issue and cancel tickets, each request on a new connection; at the end, the counter has the statuses."""
    user = User.objects.create_user("box-office")
    user.user_permissions.set(Permission.objects.filter(codename__in=["add_ticket", "view_ticket", "cancel_ticket"]))
    token, has_ended, statuses = Token.issue(user=user, name="of a test").text, Event(), Counter[int]()

    def work() -> Counter[int]:
        found, base = Counter[int](), f"http://{LOOPBACK}:{port}"
        with httpx.Client(
            base_url=base,
            headers={"Authorization": f"Token {token}"},
            limits=NEW_CONNECTIONS,
            timeout=STARTING_SECONDS,
        ) as client:
            while not has_ended.is_set():
                issued = client.post(LIST, json=BODY)
                found[issued.status_code] += 1
                found[client.post(f"{LIST}{issued.json()['id']}/cancel/").status_code] += 1
        return found

    with ThreadPoolExecutor(CLIENTS) as threads:
        working = [threads.submit(work) for _ in range(CLIENTS)]
        try:
            yield statuses
        finally:
            has_ended.set()
        for found in working:
            statuses += found.result()
