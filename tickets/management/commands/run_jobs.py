"""Run the jobs that change many tickets."""

import logging
from argparse import ArgumentParser
from typing import Any

from django.db import Error, connections

from events.exceptions import Unmigrated
from events.management.worker import Worker, limits_of
from events.processes.database_errors import describe
from events.processes.migrations import expect_migrated
from events.processes.shutdown import Interrupted
from events.processes.throttled_log import ThrottledLog
from tickets.jobs.turn import shutdown
from tickets.jobs.worker import JobWorker

logger = logging.getLogger("tickets.jobs")

POLL_SECONDS = 0.5


class Command(Worker):
    help = (
        "Run the jobs that change many tickets, a slice of each in turn; take up those whose worker was killed. Any "
        "number of copies may run. SIGTERM ends it after the ticket in hand; the job goes on in another worker."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--once", action="store_true", help="run all tasks that wait, and end")

    def handle(self, *, once: bool, **options: Any) -> None:
        limits = limits_of({"once": once, **options})
        worker, log = JobWorker(), ThrottledLog(logger)
        if once:
            while worker.take_turn():
                pass
            return
        shutdown.listen()
        logger.info("running jobs")
        try:
            while True:
                while _work_or_log(worker, log):
                    shutdown.check()
                    limits.check(logger)
                limits.check(logger)
                shutdown.sleep(POLL_SECONDS)
        except Interrupted:
            logger.info("stopped")


def _work_or_log(worker: JobWorker, log: ThrottledLog) -> bool:
    """Run a task; tell whether there may be more."""
    try:
        expect_migrated("tickets")
        found = worker.take_turn()
    except Unmigrated as error:
        log.error(str(error))
    except Error as error:
        log.error(describe(error))
        connections.close_all()
    else:
        log.recovered()
        return found
    return False
