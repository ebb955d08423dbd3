"""Tell what is wrong with the settings of the new code, and whether its static files are collected."""

import filecmp
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core import checks

from config.release.step import Step

NAMED = 3
"""So many files are named."""


def check_settings() -> Iterator[Step]:
    """Yield a step for each error of Django's checks, with which a process of the new code would not start."""
    for error in checks.run_checks():
        if error.is_serious() and not error.is_silenced():
            yield Step("settings", error.msg, error.hint or "correct it")


def check_static_files() -> Iterator[Step]:
    """Yield a step if STATIC_ROOT lacks a file of the new code, or has another content."""
    if stale := sorted(_stale(Path(settings.STATIC_ROOT))):
        more = f" and {len(stale) - NAMED} more" if len(stale) > NAMED else ""
        found = f"missing or of another release in {settings.STATIC_ROOT}: {', '.join(stale[:NAMED])}{more}"
        yield Step("static files", found, "run manage.py collectstatic --noinput")


def _stale(root: Path) -> Iterator[str]:
    ignored = apps.get_app_config("staticfiles").ignore_patterns  # type: ignore[attr-defined]
    sources: dict[str, str] = {}
    for finder in get_finders():
        for path, storage in finder.list(ignored):
            sources.setdefault(path, storage.path(path))  # The first one is collected.
    for path, source in sources.items():
        collected = root / path
        if not collected.is_file() or not filecmp.cmp(source, collected, shallow=False):
            yield path
