"""Check a block of code by its language: raise an error if a reader would run into one."""

import ast
import configparser
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec

import yaml
from django.core.management import get_commands, load_command_class
from django.template import engines
from django.urls import resolve

from tests.documentation.pages import ROOT
from tests.documentation.shell import Command, commands_of

OTHER_PROJECTS = ("checkroom", "shop", "warehouse")
"""The tutorial and the how-to make them."""
SETTINGS = "\n".join(page.read_text() for page in (ROOT / "docs/reference").glob("*.md"))
OURS = re.compile(r"(?<![\w./])(?:/srv/tickets/)?((?:config|docs|tests|tickets|requirements)/[\w./-]+)")
OF_THE_SYSTEM = {
    ".",
    "apt-get",
    "cd",
    "cp",
    "git",
    "grep",
    "install",
    "mkdir",
    "mkdocs",
    "pre-commit",
    "rm",
    "set",
    "supervisorctl",
    "supervisord",
    "systemctl",
    "systemd-ask-password",
    "systemd-run",
    "touch",
    "uvx",
}
"""Programs of the machine: bash reads the line, and files of ours that it names are there."""


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
    _check_by("node", "--check", "-", text=text)


def check_php(text: str) -> None:
    _check_by("php", "-l", text=text)


def _check_by(program: str, *options: str, text: str) -> None:
    """Let the language's own program read it, where there is one: tests/untried.py says where there is none."""
    if shutil.which(program):
        done = subprocess.run([program, *options], input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def check_shell(text: str) -> None:
    _check_by("bash", "-n", text=text)
    for command in commands_of(text):
        if not command.words:
            _check_variables(command.variables)
        else:
            assert all((ROOT / path).exists() for path in OURS.findall(" ".join(command.words))), command.words
            _check_command(command)


def _check_variables(names: Mapping[str, str] | Iterator[str]) -> None:
    unknown = [name for name in names if f"`{name}`" not in SETTINGS]
    assert unknown == [], f"the reference has no {unknown}"


def _check_command(command: Command) -> None:
    program, *words = command.words
    if check := PROGRAMS.get(program):
        check(words)
    else:
        assert program in OF_THE_SYSTEM, f"nobody checks {program}"


def _check_uv(words: list[str]) -> None:
    assert words[0] in {"run", "sync", "tool", "pip"}
    if words[0] == "run":
        after = words[3:] if words[1] == "--group" else words[1:]
        _check_command(Command({}, after))


def _check_manage(words: list[str]) -> None:
    name, *arguments = words
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
        _check_command(Command({}, words))


def _check_make(words: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert all(f"\n{target}:" in makefile for target in words), words


def _check_pytest(words: list[str]) -> None:
    assert all((ROOT / word).exists() for word in words if "/" in word), words


def _check_curl(words: list[str]) -> None:
    """Find the view of the address, and its method."""
    [url] = [word for word in words if re.match(r"\$URL|http://localhost:8000", word)]
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
    ".venv/bin/python": _check_python_program,
    "python3": _check_python_program,
    "uv": _check_uv,
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
