"""A test run says in its last lines what it did not try."""

from pathlib import Path

import pytest

from tests.faults.driver.clocks import FAKETIME
from tests.untried import PROGRAMS

pytest_plugins = ["pytester"]
PLUGINS = ("-p", "tests.untried")
UNIT = Path(__file__).parent


@pytest.fixture
def programs(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the only folder in which the test run finds programs and libraries."""
    folder = pytester.mkdir("programs")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setattr("tests.faults.driver.clocks.LIBRARIES", folder)
    pytester.makepyfile("def test_nothing(): pass")
    return folder


@pytest.mark.usefixtures("programs")
def test_a_run_without_these_programs_ends_with_what_was_not_tried(pytester: pytest.Pytester) -> None:
    *_, stream, pooler, proxy, units, alerts, php, node, pages, clocks, result = pytester.runpytest_inprocess(
        *PLUGINS
    ).outlines

    assert stream == "Not tried: the stream on Redis, beside Valkey; install redis-server"
    assert pooler == "Not tried: PostgreSQL behind PgBouncer; install pgbouncer"
    assert proxy == "Not tried: the web server behind nginx; install nginx"
    assert units == "Not tried: the units for systemd; install systemd"
    assert alerts == ("Not tried: the rules of the alerts, and the dashboards in Prometheus; install prometheus")
    assert php == "Not tried: the readers in PHP; install php-cli"
    assert node == "Not tried: the readers in JavaScript; install nodejs"
    assert pages == "Not tried: the pages in a browser; install chromium and chromium-driver"
    assert clocks == "Not tried: processes whose clock is moved; install libfaketime"
    assert " 1 passed in " in result


def test_a_run_with_all_programs_does_not_name_them(pytester: pytest.Pytester, programs: Path) -> None:
    for program in PROGRAMS:
        (programs / program).touch(mode=0o755)
    (programs / "any" / FAKETIME).parent.mkdir(parents=True)
    (programs / "any" / FAKETIME).touch()

    assert "Not tried" not in pytester.runpytest_inprocess(*PLUGINS).stdout.str()


@pytest.mark.usefixtures("programs")
def test_a_run_of_the_unit_tests_does_not_name_them(pytester: pytest.Pytester) -> None:
    finished = pytester.runpytest_inprocess(
        *PLUGINS, "--noconftest", UNIT / "test_untried.py", "-k", "nothing_of_that_name"
    )

    assert "Not tried" not in finished.stdout.str()
