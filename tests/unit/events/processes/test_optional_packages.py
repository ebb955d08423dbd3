"""Test that a library can be loaded without the packages that it does not need."""

import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

import pytest

from events.processes.optional_packages import without_packages


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a package that is installed, and not loaded."""
    (tmp_path / "optional_for_a_test.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "optional_for_a_test", raising=False)
    return "optional_for_a_test"


def test_a_package_that_is_left_out_seems_not_to_be_installed(package: str) -> None:
    with without_packages(package), pytest.raises(ModuleNotFoundError) as failure:
        import_module(package)

    assert failure.value.name == package
    assert package not in sys.modules


def test_it_can_be_loaded_afterwards(package: str) -> None:
    with without_packages(package):
        pass

    assert import_module(package).__name__ == package


def test_another_thread_can_load_it_meanwhile(package: str) -> None:
    with without_packages(package), ThreadPoolExecutor(1) as pool:
        assert pool.submit(import_module, package).result().__name__ == package


def test_what_is_loaded_already_stays(package: str) -> None:
    loaded = import_module(package)

    with without_packages(package):
        assert import_module(package) is loaded
