"""Measure searches that send the token of the write before them, with four clients at once.

    uv run python -m benchmarks.readmodel.consistency [--pairs 10000]

A web server and one consumer of the read model run as processes of their own. Each pair issues or cancels a ticket and
searches for its code at once. An answer that does not show that write is a violation. An answer that says that it can't
show the write in time (503) is counted as refused.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection, HTTPResponse
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks.servers import loaded_project
from benchmarks.web.servers import SERVERS, TICKET, serving, token_of_a_user_who_may_all
from config.supervisord.ports import LOOPBACK

CLIENTS = 4
CONSUME = (sys.executable, "manage.py", "consume_events", "readmodel")
SEARCH = "/api/search/tickets/"
PATIENCE_SECONDS = 60


class Read(NamedTuple):
    seconds: float
    is_violation: bool
    is_refused: bool


class Caller:
    """One client, with a connection of its own."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = HTTPConnection(LOOPBACK, port)
        self._headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[HTTPResponse, Any]:
        sent = json.dumps(body) if body else None
        self._connection.request(method, path, sent, self._headers | headers)
        response = self._connection.getresponse()
        return response, json.loads(response.read())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--pairs", type=int, default=10_000, help="number of writes, each followed by a search (default: %(default)s)"
    )
    pairs = parser.parse_args().pairs
    with loaded_project():
        token = token_of_a_user_who_may_all()
        with consuming(), serving(SERVERS["granian"]) as port:
            wait_for_index(Caller(port, token))
            print_reads("with the token", in_all_clients(port, token, pairs, sends_token=True))
            print_reads("without it", in_all_clients(port, token, min(pairs, 1_000), sends_token=False))


@contextmanager
def consuming() -> Iterator[None]:
    process = subprocess.Popen(CONSUME)
    try:
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def wait_for_index(caller: Caller) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while caller.call("GET", SEARCH)[0].status != HTTPStatus.OK:
        if time.monotonic() > until:
            sys.exit("The consumer has not made the index: look at its output above.")
        time.sleep(0.1)


def in_all_clients(port: int, token: str, pairs: int, *, sends_token: bool) -> list[Read]:
    with ThreadPoolExecutor(CLIENTS) as threads:
        clients = [
            threads.submit(write_and_read, Caller(port, token), pairs // CLIENTS, sends_token=sends_token)
            for _ in range(CLIENTS)
        ]
        return [read for client in clients for read in client.result()]


def write_and_read(caller: Caller, pairs: int, *, sends_token: bool) -> list[Read]:
    reads = []
    for _ in range(pairs // 2):
        written, ticket = caller.call("POST", "/api/tickets/", TICKET)
        reads.append(read(caller, ticket["code"], ("issued", 1), token_in(written) if sends_token else ""))
        written, _ = caller.call("POST", f"/api/tickets/{ticket['id']}/cancel/")
        reads.append(read(caller, ticket["code"], ("canceled", 2), token_in(written) if sends_token else ""))
    return reads


def token_in(response: HTTPResponse) -> str:
    return response.headers["Consistency-Token"]


def read(caller: Caller, code: str, expected: tuple[str, int], token: str) -> Read:
    headers = {"Consistency-Token": token} if token else {}
    begun = time.perf_counter()
    response, body = caller.call("GET", f"{SEARCH}?q={code}", **headers)
    seconds = time.perf_counter() - begun
    found = [(hit["status"], hit["version"]) for hit in body.get("results", []) if hit["code"] == code]
    is_refused = response.status == HTTPStatus.SERVICE_UNAVAILABLE
    is_violation = found != [expected] and not is_refused
    if is_violation and token:
        print(f"{code}: {response.status} {found} instead of {expected}: {body.get('detail', '')}")
    return Read(seconds, is_violation, is_refused)


def print_reads(title: str, reads: list[Read]) -> None:
    percentiles = statistics.quantiles([read.seconds for read in reads], n=100)
    table = Table(title=f"Searches right after a write, {title}")
    for column in ("pairs", "violations", "refused", "p50 of the read, ms", "p99, ms"):
        table.add_column(column, justify="right")
    violations, refused = sum(read.is_violation for read in reads), sum(read.is_refused for read in reads)
    counts = (f"{count:,}" for count in (len(reads), violations, refused))
    table.add_row(*counts, *(f"{percentiles[percent - 1] * 1e3:.0f}" for percent in (50, 99)))
    Console().print(table)


if __name__ == "__main__":
    main()
