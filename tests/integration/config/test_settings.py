"""The settings of the environment, read by processes of their own."""

import re
import subprocess
import sys

import pytest
from pytest_django import Settings

from config.checks import check_sessions
from tests.processes import ROOT, environment

PRODUCTION = (ROOT / "docs/operations/production.md").read_text()


def manage(*words: str, **variables: str) -> str:
    """Run a command with these settings; return what it printed, at most its last lines if it failed."""
    done = subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=environment(**variables),
        check=False,
        capture_output=True,
        text=True,
    )
    return done.stdout if done.returncode == 0 else done.stderr


def test_a_former_secret_key_still_verifies_the_stream_s_entries() -> None:
    script = "from events.stream.signing import stream_keys; print(len({key.fingerprint for key in stream_keys()}))"
    variables = {"SECRET_KEY": "new" * 20, "SECRET_KEY_FALLBACKS": "old" * 20, "DATABASE_URL": "sqlite://:memory:"}

    said = manage("shell", "--no-imports", "--command", script, **variables)

    assert said.splitlines()[-1] == "2"


def test_django_has_nothing_to_object_to_the_documented_settings_of_production() -> None:
    # Their database is not there, and is not asked.
    [block] = re.findall(r"```ini\n(SECRET_KEY=.*?|DATABASE_URL=.*?)```", PRODUCTION, re.DOTALL)
    documented = dict(line.split("=", 1) for line in block.splitlines())
    ours = {"HTTPS_ONLY": "", "DJANGO_SETTINGS_MODULE": "config.settings"}

    said = manage("check", "--deploy", "--fail-level", "WARNING", **documented | ours)

    assert said == "System check identified no issues (1 silenced).\n"


def modules_after(statement: str) -> set[str]:
    """Return what a new process has loaded after the statement."""
    loaded = subprocess.run(
        [sys.executable, "-c", f"import sys, django; {statement}; print(*sys.modules)"],
        cwd=ROOT,
        env=environment(DJANGO_SETTINGS_MODULE="config.settings"),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return set(loaded.stdout.split())


def test_a_command_starts_without_the_libraries_of_the_web() -> None:
    loaded = modules_after("django.setup()")

    assert "tickets.models" in loaded
    assert {"rest_framework.fields", "drf_spectacular.extensions", "elasticsearch", "granian"}.isdisjoint(loaded)


def test_a_web_process_starts_without_the_libraries_of_rare_files() -> None:
    loaded = modules_after("import config.asgi")

    assert "tickets.api.printed" in loaded
    assert {"fpdf", "fontTools", "PIL", "xlsxwriter"}.isdisjoint(loaded)


ABSENT = "postgres://user:secret@127.0.0.1:1/tickets"
START = "Start it, or correct DATABASE_URL.\n"


@pytest.mark.parametrize(
    ("command", "url", "beginning", "end"),
    [
        ("event_status", ABSENT, "CommandError: the database at 127.0.0.1, port 1, does not answer: ", START),
        ("migrate", ABSENT, "CommandError: the database at 127.0.0.1, port 1, does not answer: ", START),
        ("create_token ada", "sqlite:////absent/db", "CommandError: the database /absent/db does not answer: ", START),
        ("relay_events", "", "DATABASE_URL is missing: ", "postgresql://tickets:password@db.example.org/tickets\n"),
    ],
)
def test_a_command_without_its_database_says_so_in_one_line_without_secrets(
    command: str, url: str, beginning: str, end: str
) -> None:
    said = manage(*command.split(), DATABASE_URL=url)

    assert (said.startswith(beginning), said.endswith(end), said.count("\n"), "secret" in said) == (
        True,
        True,
        1,
        False,
    )


@pytest.mark.django_db
@pytest.mark.parametrize(("workers", "ids"), [(1, []), (1_000, ["config.W001"])])
def test_more_sessions_than_postgresql_gives_are_warned_of(settings: Settings, workers: int, ids: list[str]) -> None:
    settings.WEB_WORKERS = workers

    found = check_sessions(databases=["default"])

    assert [warning.id for warning in found] == ids
    assert all(f"GRANIAN_WORKERS is {workers} and DATABASE_POOL_SIZE 16" in warning.msg for warning in found)
    assert check_sessions(databases=None) == []
