"""Strike the cluster, and often a process beside it, in rounds that are drawn from seeds."""

import argparse
import json
import logging
import random
import sys
from collections.abc import Iterator

import django
from django.apps import apps
from django.conf import settings
from rich.console import Console

if not apps.ready:
    django.setup()

from tests.faults.cluster.faults import CLUSTER
from tests.faults.cluster.servers import ClusterServers
from tests.faults.driver.faults import FAULTS, Strike
from tests.faults.driver.installation import Installation
from tests.faults.driver.matrix import as_json
from tests.faults.driver.report import read, table
from tests.faults.driver.run import Stage
from tests.faults.driver.schedule import Schedule

BESIDE = ("relay: killed", "readmodel: killed", "access: killed", "Elasticsearch: slow", "PostgreSQL: sessions ended")
BESIDE_SHARE = 0.4
FIRST, LAST = 0.25, 1.0
"""Between these seconds of the load the faults begin."""
RENEWED_AFTER = 25


def rounds(options: argparse.Namespace) -> Iterator[Schedule]:
    """Draw the rounds that the command line asks for."""
    return (drawn(seed, options.fault) for seed in range(options.seed, options.seed + options.rounds))


def drawn(seed: int, only: str = "") -> Schedule:
    """Draw a fault of the cluster, and perhaps another one beside it."""
    rng = random.Random(seed)
    ours = [fault for fault in FAULTS.values() if fault.who == CLUSTER]
    chosen = [FAULTS[only] if only else rng.choices(ours, [fault.weight for fault in ours])[0]]
    if rng.random() < BESIDE_SHARE:
        chosen.append(FAULTS[rng.choice(BESIDE)])
    strikes = [
        Strike(fault.name, rng.choice(fault.targets), rng.uniform(FIRST, LAST), rng.uniform(*fault.seconds))
        for fault in chosen
    ]
    return Schedule(str(seed), tuple(strikes), None)


def run(options: argparse.Namespace, servers: ClusterServers) -> int:
    """Run the rounds; return the exit code."""
    settings.EVENTS_FLUSH_ON_COMMIT = False  # Of this process, which corrects tickets and leaves the flush to others.
    logging.getLogger().setLevel(logging.CRITICAL)  # Of this process too: the failures are what is written.
    console, installation, failed = Console(highlight=False, soft_wrap=True), Installation(servers), 0
    results = []
    with installation.running():
        stage = Stage(installation)
        for number, schedule in enumerate(rounds(options)):
            if number and number % RENEWED_AFTER == 0:
                stage.renew()
            result = stage.play(schedule)
            results.append(json.loads(json.dumps(as_json(result))))
            if options.results:
                with options.results.open("a") as lines:
                    lines.write(json.dumps(results[-1]) + "\n")
            console.print(f"{schedule}; equal after {result.equal_seconds:.1f} s", markup=False)
            if result.failures:
                failed += 1
                console.print(*result.failures[:5], sep="\n", markup=False)
                if options.logs:
                    options.logs.mkdir(parents=True, exist_ok=True)
                    (options.logs / f"{schedule.seed}.log").write_text(installation.log())
                stage.renew()
    sys.stdout.writelines(f"{line}\n" for line in table(results, CLUSTER))
    return 1 if failed else 0


def print_report(options: argparse.Namespace) -> None:
    """Print the rounds that would run, or the table of what has run."""
    lines = table(read(options.table), CLUSTER) if options.table else map(str, rounds(options))
    sys.stdout.writelines(f"{line}\n" for line in lines)
