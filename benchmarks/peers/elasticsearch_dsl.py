"""Compare a save that writes into Elasticsearch within its request with a save that stores an event.

    uv run python -m benchmarks peers.elasticsearch_dsl

django-elasticsearch-dsl listens to the signal after a save, and writes the document before the save returns. By default
it refreshes the index each time; it is measured with and without that. Both sides save the same rows of the same table.
Its release 9.0 writes documents without fields if the client's version is 9.4 or later, so both sides use an older one.

The first table has the costs. The second has the row and the document, read by its id in real time, after a transaction
that was rolled back, and after a save during which Elasticsearch refused connections (through a proxy).
"""

import argparse
import importlib.util
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from typing import Any, NoReturn, Protocol
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

from benchmarks.interleaved import median_seconds, print_ratios
from benchmarks.readmodel.consistency import CONSUME
from benchmarks.servers import empty_servers, loaded_project
from tests.network.proxy import running_proxy, with_address
from tests.waiting import wait_until

REFERENCE = "plain save"
OURS = ("save, 1 event stored", "save, 1 event stored and flushed on commit")
PACKAGE = "django-elasticsearch-dsl"
NOTHING_TO_COMPARE = 2
REPEATS = 10
PATIENCE_SECONDS = 60


class RolledBack(Exception):
    """Raised to roll a transaction back."""


class System(Protocol):
    """A way to keep the document of one ticket up to date."""

    ticket: Any

    def save(self, title: str) -> None:
        """Save the ticket with this title, as a request would do it."""

    def without_elasticsearch(self) -> AbstractContextManager[None]:
        """Refuse all connections to Elasticsearch while the block runs."""

    def catch_up(self) -> None:
        """Wait until everything that follows by itself has happened."""

    def document_title(self) -> str: ...


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60, help=f"of {REPEATS} saves each (default: %(default)s)")
    rounds = parser.parse_args().rounds
    if not importlib.util.find_spec("django_elasticsearch_dsl"):
        exit_unmeasured(f"{PACKAGE} is not installed")
    with loaded_project("benchmarks.peers.elasticsearch_dsl_settings"):
        empty_servers()
        print_costs(rounds)
        empty_servers()
        print_endings({PACKAGE: Theirs(), "this project": Ours()})
        empty_servers()


def exit_unmeasured(reason: str) -> NoReturn:
    print(f"{reason}; run: uv run python -m benchmarks peers.elasticsearch_dsl", file=sys.stderr)
    sys.exit(NOTHING_TO_COMPARE)


def print_costs(rounds: int) -> None:
    from django.db import transaction  # noqa: PLC0415 (after the setup)

    from benchmarks.peers import elasticsearch_dsl_documents as documents  # noqa: PLC0415
    from benchmarks.recording.saves import Saves  # noqa: PLC0415
    from events.relay.flush import sweep  # noqa: PLC0415
    from events.stream.interface import open_stream  # noqa: PLC0415

    documents.make_indices()
    saves = Saves()
    unrefreshed = itertools.cycle(documents.UnrefreshedTicket.objects.order_by("id"))
    refreshed = itertools.cycle(documents.RefreshedTicket.objects.order_by("id"))

    def save_next(tickets: Iterator[Any]) -> None:
        with transaction.atomic():
            ticket = next(tickets)
            ticket.version += 1
            ticket.save()

    ours = {name: variant for name, variant in saves.variants().items() if name in (REFERENCE, *OURS)}
    variants = {
        **ours,
        f"{PACKAGE}, no refresh": lambda: save_next(unrefreshed),
        f"{PACKAGE}, as installed": lambda: save_next(refreshed),
    }
    for variant in variants.values():
        variant()  # A warm-up, not counted.
    if not title_of(saves.tickets[0], index=documents.UnrefreshedDocument.Index.name):
        exit_unmeasured(f"{PACKAGE} writes empty documents with this client of Elasticsearch")
    with closing(open_stream()) as stream:
        seconds = median_seconds(variants, rounds=rounds, repeats=REPEATS, tidy_up=lambda: sweep(stream, 0))
    print_ratios("A request that saves a ticket", seconds, reference=REFERENCE)


class Theirs:
    def __init__(self) -> None:
        from benchmarks.peers.elasticsearch_dsl_documents import UnrefreshedDocument, UnrefreshedTicket  # noqa: PLC0415
        from benchmarks.recording.saves import details  # noqa: PLC0415 (after the setup)

        self._index = UnrefreshedDocument.Index.name
        self.ticket = UnrefreshedTicket(code="THEIRS", **details(0))

    def save(self, title: str) -> None:
        self.ticket.title = title
        self.ticket.save()

    @contextmanager
    def without_elasticsearch(self) -> Iterator[None]:
        from django.conf import settings  # noqa: PLC0415 (after the setup)
        from elasticsearch.dsl import connections  # noqa: PLC0415

        with refusing_proxy() as proxy:
            connections.create_connection(hosts=f"http://{proxy.address}")
            yield
        connections.create_connection(hosts=settings.ELASTICSEARCH_URL)

    def catch_up(self) -> None:
        """Do nothing: everything happened in the save."""

    def document_title(self) -> str:
        return title_of(self.ticket, index=self._index)


class Ours:
    def __init__(self) -> None:
        from benchmarks.recording.saves import details  # noqa: PLC0415 (after the setup)
        from tickets.models import Ticket  # noqa: PLC0415

        self.ticket = Ticket(code="OURS", **details(1), version=0)

    def save(self, title: str) -> None:
        from events import record, unit_of_work  # noqa: PLC0415 (after the setup)
        from tickets.events import TicketIssued  # noqa: PLC0415

        with unit_of_work():
            self.ticket.title = title
            self.ticket.version += 1
            self.ticket.save()
            record(TicketIssued(ticket=self.ticket.state()))

    @contextmanager
    def without_elasticsearch(self) -> Iterator[None]:
        """Refuse connections while a consumer runs, and let it recover afterwards."""
        from events.models import Member  # noqa: PLC0415 (after the setup)

        with refusing_proxy() as proxy:
            url = with_address(os.environ["ELASTICSEARCH_URL"], proxy.address)
            environment = os.environ | {"ELASTICSEARCH_URL": url, "LOG_LEVEL": "CRITICAL"}
            with subprocess.Popen((*CONSUME, "--until-idle"), env=environment) as consumer:
                wait_until(Member.objects.filter(state="retrying").exists, within_seconds=PATIENCE_SECONDS)
                yield
                proxy.refuses = False
                consumer.wait(PATIENCE_SECONDS)

    def catch_up(self) -> None:
        subprocess.run((*CONSUME, "--until-idle"), check=True)

    def document_title(self) -> str:
        from django.conf import settings  # noqa: PLC0415 (after the setup)

        return title_of(self.ticket, index=settings.READMODEL_ALIAS)


def title_of(ticket: Any, *, index: str) -> str:
    """Return the title in the ticket's document, or "" if it has none."""
    from django.conf import settings  # noqa: PLC0415 (after the setup)
    from elasticsearch import Elasticsearch  # noqa: PLC0415

    with closing(Elasticsearch(settings.ELASTICSEARCH_URL)) as client:
        found: Any = client.get(index=index, id=str(ticket.id))
    return str(found["_source"].get("title", ""))


@contextmanager
def refusing_proxy() -> Iterator[Any]:
    from django.conf import settings  # noqa: PLC0415 (after the setup)

    url = urlsplit(settings.ELASTICSEARCH_URL)
    with running_proxy((str(url.hostname), int(url.port or 9200))) as proxy:
        proxy.refuses = True
        yield proxy


def print_endings(systems: Mapping[str, System]) -> None:
    endings = [{**end_rolled_back(system), **end_without_elasticsearch(system)} for system in systems.values()]
    table = Table("", *systems, title="The result of a save")
    for name in endings[0]:
        table.add_row(name, *(ending[name] for ending in endings))
    Console().print(table)


def end_rolled_back(system: System) -> dict[str, str]:
    from django.db import transaction  # noqa: PLC0415 (after the setup)

    system.save("committed")
    system.catch_up()
    with suppress(RolledBack), transaction.atomic():
        system.save("rolled back")
        raise RolledBack
    system.catch_up()
    system.ticket.refresh_from_db(fields=["title", "version"])
    return {"rolled back: the row": system.ticket.title, "the document": system.document_title()}


def end_without_elasticsearch(system: System) -> dict[str, str]:
    error = ""
    with system.without_elasticsearch():
        try:
            system.save("changed")
        except Exception as raised:  # noqa: BLE001 (the result is the type of whatever it raises)
            error = type(raised).__name__
    system.ticket.refresh_from_db(fields=["title"])
    return {
        "Elasticsearch is down: the save": f"raises {error}" if error else "succeeds",
        "the row afterwards": system.ticket.title,
        "the document, when it is up again": system.document_title(),
    }


if __name__ == "__main__":
    main()
