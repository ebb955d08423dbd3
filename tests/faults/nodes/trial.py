"""Run rounds: load, a fault of the nodes, and the comparison of every copy with the log at rest."""

import multiprocessing
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple

from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.db.models import Min

from events.exceptions import RetryLater, TargetLost
from events.log.reading import last_position
from events.models import Checkpoint, DeadLetter, LogEntry
from readmodel.index.document_index import DocumentIndex, connect
from readmodel.projection import projections
from readmodel.verification.comparison import Comparison
from readmodel.verification.verification import Verification
from tests.faults.nodes.faults import FAULTS, Fault
from tests.faults.nodes.readers import Reader
from tests.faults.roles import play, write
from tests.network.elasticsearch_cluster import SearchCluster
from tests.waiting import wait_until

COMMANDS = (["relay_events"], *(["consume_events", "readmodel", "--consumer", name] for name in ("one", "two")))
WRITERS = 2
WARM_UP_EVENTS = 200
SETTLE_SECONDS = 2.0
"""How long the load goes on after the fault."""
REST_SECONDS = 180.0
ROW = "{:28}{:>9}{:>9}{:>9}{:>9}{:>12}{:>10}"
HEADER = ROW.format("fault", "events", "seen", "refused", "wrong", "silence s", "equal s")


class Result(NamedTuple):
    """What a round has shown: of searches with a token, and of the documents at rest."""

    events: int
    reader: Reader
    equal_seconds: float
    failures: list[str]


class Trial:
    """The processes on the servers, and the rounds."""

    def __init__(self, cluster: SearchCluster, *, seed: int) -> None:
        self.cluster = cluster
        random.seed(seed)
        self.indices = [connect(projection) for projection in projections()]

    def run(self, rounds: int, *, first: str) -> int:
        """Print a row for each round; return 1 if anything was wrong."""
        call_command("migrate", verbosity=0)
        names = list(FAULTS)
        skipped = next(number for number, name in enumerate(names) if name.startswith(first))
        failures: list[str] = []
        _say(HEADER)
        with self._processes():
            for number in range(skipped, skipped + rounds):
                name = names[number % len(names)]
                result = self._play(FAULTS[name])
                self._print(name, result)
                failures += [f"{name}: {failure}" for failure in result.failures]
        _say("\n".join(failures) or "every copy of every index was equal to the log after each round")
        return bool(failures)

    @contextmanager
    def _processes(self) -> Iterator[None]:
        with ExitStack() as stack:
            for command in COMMANDS:
                process = subprocess.Popen([sys.executable, "manage.py", *command])
                stack.callback(process.wait)
                stack.callback(process.kill)
            wait_until(lambda: all(map(_searched, self.indices)))
            self.cluster.wait_until_whole()
            yield

    def _play(self, fault: Fault) -> Result:
        before = last_position(0)
        reader = Reader()
        with self._writers():
            wait_until(lambda: last_position(0) > before + WARM_UP_EVENTS)
            reader.start()
            rebuild = self._start_rebuild() if fault.is_in_rebuild else None
            fault.strike(self.cluster)
            time.sleep(SETTLE_SECONDS)  # The load after the fault.
            reader.stop()
        began = time.monotonic()
        failures = [*reader.wrong, *self._finish(rebuild), *self._rest()]
        seconds = time.monotonic() - began
        return Result(last_position(0) - before, reader, seconds, [*failures, *self._compare()])

    @contextmanager
    def _writers(self) -> Iterator[None]:
        connections.close_all()
        context = multiprocessing.get_context("forkserver")
        writers = [context.Process(target=play, args=(settings.READMODEL_ALIAS, write)) for _ in range(WRITERS)]
        for writer in writers:
            writer.start()
        try:
            yield
        finally:
            for writer in writers:
                writer.kill()
                writer.join()

    def _start_rebuild(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "manage.py", "rebuild_readmodel", "tickets"]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _finish(self, rebuild: subprocess.Popen[bytes] | None) -> list[str]:
        """Run the rebuild again, as an operator does, until it succeeds."""
        until = time.monotonic() + REST_SECONDS
        while rebuild and rebuild.wait() != 0:
            if time.monotonic() > until:
                return ["no rebuild ended well"]
            rebuild = self._start_rebuild()
        return []

    def _rest(self) -> list[str]:
        """Wait until all events are handled, and all copies are there."""
        until = time.monotonic() + REST_SECONDS
        while not self._is_at_rest():
            if time.monotonic() > until:
                return [f"not all of {last_position(0)} events were handled within {REST_SECONDS} s"]
            time.sleep(0.1)
        return [f"parked: {letter.error}" for letter in DeadLetter.objects.all()]

    def _is_at_rest(self) -> bool:
        with suppress(RetryLater):
            targets = {target.uuid for index in self.indices for target in index.indices.kept()}
            reached = Checkpoint.objects.filter(group="readmodel", target__in=targets).aggregate(least=Min("position"))
            known = Checkpoint.objects.filter(target__in=targets).count() == len(targets)
            given = not LogEntry.objects.filter(place=None).exists()
            return given and known and reached["least"] == last_position(0) and self.cluster.is_whole()
        return False

    def _compare(self) -> Iterator[str]:
        """Compare each document of each kept index with the log, and each copy with the others."""
        for index in self.indices:
            for documents in index.kept():
                verification = Verification(Comparison(documents), repair=False)
                steps = [*verification.compare(), *verification.find_ghosts()]
                found = [difference for step in steps for difference in step.differences]
                if found:
                    yield f"{documents.target.name} differs from the log in {len(found)} documents, such as {found[0]}"
                first, *others = self.cluster.copies_of(documents.target.name).values()
                if not others or any(copy != first for copy in others):
                    yield f"the {1 + len(others)} copies of {documents.target.name} differ"

    def _print(self, name: str, result: Result) -> None:
        reader = result.reader
        counts = [result.events, len(reader.seen), reader.refused, len(reader.wrong)]
        seconds = [f"{reader.longest_silence_seconds:.1f}", f"{result.equal_seconds:.1f}"]
        _say(ROW.format(name, *counts, *seconds))


def _searched(index: DocumentIndex) -> bool:
    with suppress(RetryLater, TargetLost):
        return index.indices.searched() is not None
    return False


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
