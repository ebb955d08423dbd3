"""Settings with which the new code would not start, and static files of another release."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import override_settings
from pytest_django import Settings

from config.release.files import check_settings, check_static_files
from tests.checks import OF_EVENT_CLASSES


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("static")
    with override_settings(STATIC_ROOT=str(folder)):
        call_command("collectstatic", interactive=False, verbosity=0)
    return folder


@pytest.fixture
def root(collected: Path, settings: Settings) -> Path:
    settings.STATIC_ROOT = str(collected)
    return collected


def test_collected_files_are_fine(root: Path) -> None:
    assert root.is_dir()
    assert list(check_static_files()) == []


def test_missing_and_changed_files_are_named(root: Path) -> None:
    (root / "config/gate/page.js").unlink()
    (root / "config/gate/gate.css").write_text("body { color: red }")

    [step] = check_static_files()

    assert step.found == f"missing or of another release in {root}: config/gate/gate.css, config/gate/page.js"
    assert step.do == "run manage.py collectstatic --noinput"


def test_of_many_files_three_are_named(tmp_path: Path, settings: Settings) -> None:
    settings.STATIC_ROOT = str(tmp_path)

    [step] = check_static_files()

    assert step.found.count(", ") == 2
    assert step.found.endswith(" more")


@pytest.mark.django_db
def test_settings_that_the_checks_refuse_are_named(settings: Settings) -> None:
    settings.SILENCED_SYSTEM_CHECKS = OF_EVENT_CLASSES
    assert list(check_settings()) == []

    settings.READMODEL_ALIAS = "Tickets!"
    [step] = check_settings()
    assert step.found == "READMODEL_ALIAS can't be 'Tickets!'"
    assert step.do.startswith("Begin with a letter")
