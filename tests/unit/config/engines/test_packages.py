"""Production does without the engines' packages: only what starts an engine needs them."""

import subprocess
import sys
from pathlib import Path

import pytest

from config.engines.engine import Engine
from config.engines.running import ENGINES, install_engines
from config.supervisord.errors import CannotStart

ROOT = Path(__file__).resolve().parents[4]
PACKAGES = sorted({package for engine in ENGINES for package in engine.packages})
HELP = f"""
import sys
sys.modules.update(dict.fromkeys({PACKAGES!r}))
sys.argv = ["manage.py", "up", "--help"]
import manage
manage.main()
"""


def test_up_explains_itself_without_the_packages() -> None:
    settings = {"DJANGO_SETTINGS_MODULE": "config.settings"}

    shown = subprocess.run(
        [sys.executable, "-c", HELP], cwd=ROOT, env=settings, check=True, stdout=subprocess.PIPE, text=True
    )

    assert "--demo" in shown.stdout


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_without_its_packages_is_refused_with_the_way_out(
    engine: type[Engine], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    engine.expect_packages()
    monkeypatch.setattr(engine, "packages", ("absent",))

    with pytest.raises(CannotStart) as refusal:
        install_engines(tmp_path, without={other.variable for other in ENGINES} - {engine.variable})

    assert str(refusal.value) == (
        f"{engine.name} is not installed (absent is missing): install the packages of the group `engines` (uv sync), "
        f"or let {engine.variable} name a server that runs elsewhere"
    )
    assert list(tmp_path.iterdir()) == []
