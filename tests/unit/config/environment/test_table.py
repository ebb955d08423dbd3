"""docs/reference/settings.md has each environment variable, as the code declares it."""

import re
from pathlib import Path

from config.environment.table import BEGIN, END, tables, with_tables
from config.settings.variables import environment
from config.web.server.__main__ import LIMITS

ROOT = Path(__file__).resolve().parents[4]
PAGE = (ROOT / "docs/reference/settings.md").read_text()
READ = re.compile(r"""(?:environ(?:\.get)?|getenv)[(\[]\s*["']([A-Z_]+)""")
OF_THE_MACHINE = {"PATH", "LC_ALL", "VISUAL", "EDITOR", "LISTEN_PID", "LISTEN_FDS"}
WITHOUT_THE_APPLICATION = {"LOG_FORMAT"}  # The main process of the web server loads no settings.


def test_the_page_has_the_tables_of_the_code() -> None:
    text = "\n".join(tables(environment.variables.values()))

    assert with_tables(PAGE, text) == PAGE, "run `make docs`"
    assert all(variable.meaning for variable in environment.variables.values())


def test_other_tables_replace_those_of_the_page() -> None:
    page = f"before\n{BEGIN}\n\nold\n{END}\nafter"

    assert with_tables(page, "new\n") == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter"


def test_no_variable_is_read_elsewhere() -> None:
    sources = [
        path for app in ("accounts", "config", "events", "readmodel", "tickets") for path in (ROOT / app).rglob("*.py")
    ]
    read = {name for source in sources for name in READ.findall(source.read_text())}

    assert read <= OF_THE_MACHINE | WITHOUT_THE_APPLICATION
    assert {"VISUAL", "EDITOR"} <= read


def test_the_options_of_the_web_server_are_those_that_it_starts_with() -> None:
    documented = {name: variable.default for name, variable in environment.variables.items()}

    assert {name: str(value) for name, value in LIMITS.items()} == {
        name: str(documented[f"GRANIAN_{name.upper()}"]) for name in LIMITS
    }
