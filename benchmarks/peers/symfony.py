"""Compare the consumer with Symfony Messenger's worker, each with a handler that does nothing.

    apt-get install php-cli php-redis php-symfony-redis-messenger
    uv run python -m benchmarks.peers.symfony

Both read the same tickets from streams of the same server, in turns, and decode each one. The worker uses PHP's
serializer, takes one message at a time and deletes it, which are its defaults; PHP's start is not timed. Both
acknowledge. This project's consumer also keeps its lease and its checkpoint in the database.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.servers import empty_servers, loaded_project
from events.subscriber import Subscriber

SCRIPT = Path(__file__).with_name("symfony_worker.php")
LIBRARY = Path("/usr/share/php/Symfony/Component/Messenger/Bridge/Redis")
SYMFONY = "Symfony Messenger's worker"
NOTHING_TO_COMPARE = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--messages", type=int, default=10_000, help="number of messages for Symfony's worker (default: %(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="number of runs of each (default: %(default)s)")
    options = parser.parse_args()
    if not (shutil.which("php") and LIBRARY.is_dir()):
        print(
            "Install Symfony Messenger first: apt-get install php-cli php-redis php-symfony-redis-messenger",
            file=sys.stderr,
        )
        sys.exit(NOTHING_TO_COMPARE)
    with loaded_project():
        measure(options.messages, options.rounds)


def measure(messages: int, rounds: int) -> None:
    from benchmarks.consumer import consumers  # noqa: PLC0415 (after the setup)

    empty_servers()
    consumers.fill(consumers.EVENTS, tickets=consumers.EVENTS)
    ways: dict[str, Callable[[], float]] = {
        SYMFONY: lambda: symfony_rate(messages),
        "this project, one event at a time": lambda: our_rate(consumers.OneByOne()),
        "this project, in batches": lambda: our_rate(consumers.Opener()),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            rates[name].append(way())
    empty_servers()
    print_rates({name: statistics.median(measured) for name, measured in rates.items()})


def symfony_rate(messages: int) -> float:
    from benchmarks.consumer.consumers import DSN, ticket  # noqa: PLC0415 (after the setup)
    from tickets.events import TicketIssued  # noqa: PLC0415

    event = msgspec.json.encode(TicketIssued(ticket=ticket(1))).decode()
    account = f"{DSN.user}:{DSN.password}@" if DSN.password else ""
    address = f"redis://{account}{DSN.hosts[0].host}:{DSN.hosts[0].port}/symfony/group/consumer"
    command = ("php", str(SCRIPT), address, str(messages), event)
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    return messages / float(finished.stdout)


def our_rate(subscriber: Subscriber) -> float:
    from benchmarks.consumer import consumers  # noqa: PLC0415 (after the setup)

    consumers.new_group()
    started = time.perf_counter()
    consumers.ours(subscriber)
    return consumers.EVENTS / (time.perf_counter() - started)


def print_rates(rates: dict[str, float]) -> None:
    table = Table("consumer", title="A handler that does nothing")
    for column in ("messages/s, median", "times Symfony's"):
        table.add_column(column, justify="right")
    for name, rate in rates.items():
        table.add_row(name, f"{rate:,.0f}", f"{rate / rates[SYMFONY]:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
