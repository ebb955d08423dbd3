"""Say in the last lines of a test run which tests were left out, for lack of a program that is not a package."""

import shutil

import pytest

from tests.faults.driver.clocks import faketime
from tests.servers import needs_no_server

PROGRAMS = {
    "redis-server": "the stream on Redis, beside Valkey; install redis-server",
    "pgbouncer": "PostgreSQL behind PgBouncer; install pgbouncer",
    "nginx": "the web server behind nginx; install nginx",
    "systemd-analyze": "the units for systemd; install systemd",
    "promtool": "the rules of the alerts, and the dashboards in Prometheus; install prometheus",
    "php": "the readers in PHP; install php-cli",
    "node": "the readers in JavaScript; install nodejs",
    "chromedriver": "the pages in a browser; install chromium and chromium-driver",
}

CLOCKS = "processes whose clock is moved; install libfaketime"


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if needs_no_server(config.known_args_namespace):
        return
    for program, untried in PROGRAMS.items():
        if shutil.which(program) is None:
            terminalreporter.write_line(f"Not tried: {untried}", yellow=True)
    if faketime() is None:
        terminalreporter.write_line(f"Not tried: {CLOCKS}", yellow=True)
