"""Check a block of code by its language: raise an error if a reader would run into one."""

import ast
import configparser
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec
from tempfile import NamedTemporaryFile

import yaml
from django.core.management import get_commands, load_command_class
from django.template import engines
from django.urls import resolve

from tests.documentation.pages import ROOT
from tests.documentation.shell import commands_of

OTHER_PROJECTS = ("checkroom", "shop", "warehouse")
"""The tutorial and the how-to make them."""
SETTINGS = "\n".join(page.read_text() for page in (ROOT / "docs/reference").glob("*.md"))
OURS = re.compile(r"(?<![\w./])(?:/srv/tickets/)?((?:config|docs|tests|tickets|requirements)/[\w./*-]+)")
YOURS = ("config/kubernetes/yours",)
"""What the reader makes."""


def check_python(code: str) -> None:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and node.module and not node.module.startswith(OTHER_PROJECTS):
            module = import_module(node.module)
            missing = [name.name for name in node.names if not hasattr(module, name.name)]
            assert missing == [], f"{node.module} has no {missing}"


def check_ini(text: str) -> None:
    """Check an environment file, or the sections of a program's configuration."""
    if text.startswith("["):
        configparser.RawConfigParser(strict=False, allow_no_value=True).read_string(text)
    else:
        _check_variables(line.partition("=")[0] for line in text.splitlines() if line and line[0] != "#")


def check_template(text: str) -> None:
    engines["django"].from_string(text)


def check_script(text: str) -> None:
    with NamedTemporaryFile("w", suffix=".mjs") as file:
        file.write(text)
        file.flush()
        _check_by("node", "--check", file.name)


def check_php(text: str) -> None:
    _check_by("php", "-l", text=text)


def _check_by(program: str, *options: str, text: str = "") -> None:
    """Let the language's own program read it, where there is one: tests/untried.py says where there is none."""
    if shutil.which(program):
        done = subprocess.run([program, *options], input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def check_shell(text: str) -> None:
    """Let bash read it; examine the commands and files of ours in it. Programs of the machine are its owner's."""
    _check_by("bash", "-n", text=text)
    for command in commands_of(text):
        if not command.words:
            _check_variables(command.variables)
        else:
            missing = [
                path for path in OURS.findall(" ".join(command.words)) if path not in YOURS and not any(ROOT.glob(path))
            ]
            assert missing == [], f"there is no {missing}"
            _check_command(command.words)


def _check_variables(names: Iterable[str]) -> None:
    """Find settings that do not exist; names without an underscore are the shell's own."""
    unknown = [name for name in names if "_" in name and f"`{name}`" not in SETTINGS]
    assert unknown == [], f"the reference has no {unknown}"


def _check_command(words: list[str]) -> None:
    """Check the program of ours that the words run, also behind others such as `docker compose exec web`."""
    if words[0] == "tickets":  # The command that docs/operations/install.md makes.
        words = ["manage.py", *words[1:]]
    for at, word in enumerate(words):
        if check := PROGRAMS.get(word.rpartition("/")[2]):
            check(words[at + 1 :])
            break


def _check_manage(words: list[str]) -> None:
    name, *arguments = words
    if name.startswith("$"):
        return
    app = get_commands()[name]
    command = load_command_class(app, name) if isinstance(app, str) else app
    ours = ["default" if word in OTHER_PROJECTS else word for word in arguments]  # `shop` is a database there.
    options = command.create_parser("manage.py", name).parse_args(ours)
    if name == "shell":
        check_python(options.command)


def _check_python_program(words: list[str]) -> None:
    if words[0] == "-c":
        check_python(words[1])
    elif words[0] == "-m":
        assert find_spec(words[1]) or words[1] == "pip", words[1]
    else:
        _check_command(words)


def _check_make(words: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert all(f"\n{target}:" in makefile for target in words), words


def _check_pytest(words: list[str]) -> None:
    assert all((ROOT / word).exists() for word in words if "/" in word), words


def _check_curl(words: list[str]) -> None:
    """Find the view of the address, and its method."""
    url = next((word for word in words if re.match(r"\$URL|http://localhost:8000", word)), "$URL/")
    path = re.sub(r"\$\w+", "00000000-0000-0000-0000-000000000000", re.sub(r"^(\$URL|http://[^/]+)", "", url))
    method = words[words.index("-X") + 1] if "-X" in words else "GET"
    view = resolve(path.partition("?")[0]).func
    methods = getattr(view, "actions", None) or vars(getattr(view, "cls", getattr(view, "view_class", view)))
    assert method == "GET" or method.lower() in methods, f"{url} does not take {method}"


PROGRAMS: Mapping[str, Callable[[list[str]], None]] = {
    "curl": _check_curl,
    "make": _check_make,
    "manage.py": _check_manage,
    "pytest": _check_pytest,
    "python": _check_python_program,
    "python3": _check_python_program,
}
CHECKS: Mapping[str, Callable[[str], object]] = {
    "django": check_template,
    "ini": check_ini,
    "js": check_script,
    "json": json.loads,
    "php": check_php,
    "python": check_python,
    "sh": check_shell,
    "yaml": lambda text: list(yaml.safe_load_all(text)),
}
