"""Let 50 users work at the same time on the service as `manage.py up` runs it, and count how they were answered.

    uv run python -m benchmarks.web.fifty_users [--users 50] [--seconds 120]

Half of them work by REST: they issue, correct, cancel and check in tickets, five of which all of them share, and list
them. The others search, open tickets and look at the admin's list with a session of their own. A refusal because
somebody else was faster is a right answer (409, 412). The command ends with 1 if a request failed, or if at rest the
read model, the log and the tables differ.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

import httpx
from rich.console import Console
from rich.table import Table

from benchmarks.web.servers import TICKET
from config.supervisord.ports import LOOPBACK, free_port
from tests.acceptance.service import manage, up

TIMEOUT_SECONDS = 30.0
PAUSE_SECONDS = 0.2
COMING_SECONDS = 20.0
"""Within this time they come and log in, which is slow on purpose."""
SHARED_TICKETS = 5
RIGHT = {HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED}
PASSWORD = "only for this benchmark"  # noqa: S105 (of a service that this command starts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=120.0)
    options = parser.parse_args()
    port = free_port()
    with tempfile.TemporaryDirectory() as name:
        data = Path(name) / "data"
        with up(data, port):
            measured = _all_users(f"http://{LOOPBACK}:{port}", data, options)
            differences = manage("verify_readmodel", DATA_DIR=str(data))
    console = Console(width=120)
    console.print(_table(measured))
    console.print(differences.stdout.strip().splitlines()[-1] if differences.stdout else differences.stderr)
    failed = sum(count for _, answers in measured for status, count in answers.statuses.items() if status not in RIGHT)
    sys.exit(1 if failed or differences.returncode else 0)


class Answers:
    """The answers to one kind of request."""

    def __init__(self) -> None:
        self.statuses: Counter[int | str] = Counter()
        self.seconds: list[float] = []


type Measured = Sequence[tuple[str, Answers]]


def _all_users(url: str, data: Path, options: argparse.Namespace) -> Measured:
    token = _administrator(data)
    found: dict[str, Answers] = defaultdict(Answers)
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT_SECONDS) as client:
        shared = [
            client.post("/api/tickets/", json=TICKET | {"seat": f"S{n}"}).json()["id"] for n in range(SHARED_TICKETS)
        ]
    until = time.monotonic() + options.seconds
    with ThreadPoolExecutor(options.users) as users:
        kinds = [_Clerk if number % 2 else _Visitor for number in range(options.users)]
        for ended in [users.submit(kind(url, token, shared, found).work, until) for kind in kinds]:
            ended.result()
    return sorted(found.items())


def _administrator(data: Path) -> str:
    """Create the administrator as whom all users log in; return a token."""
    _run(data, "createsuperuser", "--noinput", "--username", "clerk", "--email", "clerk@example.org")
    return _run(data, "create_token", "clerk", "--name", "benchmark")


def _run(data: Path, *command: str) -> str:
    ended = manage(*command, DATA_DIR=str(data), DJANGO_SUPERUSER_PASSWORD=PASSWORD)
    if ended.returncode:
        raise SystemExit(ended.stderr)
    return ended.stdout.strip()


class _User:
    def __init__(self, url: str, token: str, shared: Sequence[str], found: dict[str, Answers]) -> None:
        self.client = httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS, follow_redirects=True)
        self.token = token
        self.shared = shared
        self.own: list[str] = []
        self.found = found

    def work(self, until: float) -> None:
        with self.client:
            time.sleep(random.uniform(0, COMING_SECONDS))
            self.log_in()
            while time.monotonic() < until:
                random.choice(self.actions())()
                time.sleep(random.uniform(0, 2 * PAUSE_SECONDS))

    def log_in(self) -> None: ...

    def actions(self) -> Sequence[Callable[[], object]]:
        raise NotImplementedError

    def ask(self, kind: str, method: str, path: str, **options: Any) -> httpx.Response | None:
        """Send a request, and count its answer; None if there was none."""
        answers, began = self.found[kind], time.perf_counter()
        try:
            answer = self.client.request(method, path, **options)
        except httpx.TransportError as error:
            answers.statuses[type(error).__name__] += 1
            return None
        answers.statuses[answer.status_code] += 1
        answers.seconds.append(time.perf_counter() - began)
        return answer


class _Clerk(_User):
    """Changes tickets by REST."""

    def log_in(self) -> None:
        self.client.headers["Authorization"] = f"Bearer {self.token}"

    def actions(self) -> Sequence[Callable[[], object]]:
        return (self.issue, self.issue, self.correct, self.cancel, self.check_in, self.list)

    def issue(self) -> None:
        answer = self._change("issue", "POST", "/api/tickets/", TICKET | {"seat": f"Row {random.randrange(10**6)}"})
        if answer and answer.status_code == HTTPStatus.CREATED:
            self.own.append(answer.json()["id"])

    def correct(self) -> None:
        """Correct the version that was read before; another one is a 412."""
        path = f"/api/tickets/{self._any()}/"
        if seen := self.ask("show", "GET", path):
            name = {"holder_name": f"Ada {random.random()}"}
            self._change("correct", "PATCH", path, name, {"If-Match": seen.headers.get("ETag", "")})

    def cancel(self) -> None:
        ticket = self.own.pop() if self.own else random.choice(self.shared)
        self._change("cancel", "POST", f"/api/tickets/{ticket}/cancel/", {"reason": "Rain"})

    def check_in(self) -> None:
        self._change("check in", "POST", f"/api/tickets/{self._any()}/check-in/", {})

    def list(self) -> None:
        self.ask("list", "GET", "/api/tickets/", params={"status": "issued", "limit": 20})

    def _any(self) -> str:
        return random.choice([*self.own, *self.shared])

    def _change(
        self, kind: str, method: str, path: str, body: Any, headers: Mapping[str, str] | None = None
    ) -> httpx.Response | None:
        return self.ask(kind, method, path, json=body, headers={"Idempotency-Key": str(uuid4()), **(headers or {})})


class _Visitor(_User):
    """Uses the pages with a session."""

    def log_in(self) -> None:
        form = self.client.get("/log-in/")
        fields = {"username": "clerk", "password": PASSWORD, "csrfmiddlewaretoken": self.client.cookies["csrftoken"]}
        self.ask("log in", "POST", "/log-in/", data=fields, headers={"Referer": str(form.url)})

    def actions(self) -> Sequence[Callable[[], object]]:
        return (self.search, self.search, self.open, self.list)

    def search(self) -> None:
        self.ask("search page", "GET", "/", params={"q": random.choice(["figaro", "ada", "opera", "row", ""])})

    def open(self) -> None:
        self.ask("ticket page", "GET", f"/tickets/{random.choice(self.shared)}/")

    def list(self) -> None:
        self.ask("admin's list", "GET", "/admin/tickets/ticket/", params={"q": "Figaro"})


def _table(measured: Measured) -> Table:
    table = Table("request", "answers", "median, ms", "p99, ms", box=None)
    for kind, answers in measured:
        statuses = ", ".join(f"{status}: {count:,}" for status, count in sorted(answers.statuses.items(), key=str))
        slowest = sorted(answers.seconds)[int(len(answers.seconds) * 0.99)] if answers.seconds else 0.0
        middle = median(answers.seconds) if answers.seconds else 0.0
        table.add_row(kind, statuses, f"{1000 * middle:,.0f}", f"{1000 * slowest:,.0f}")
    return table


if __name__ == "__main__":
    main()
