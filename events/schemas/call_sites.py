"""Find where events are created, by parsing the source code of the installed apps."""

import ast
from collections.abc import Iterable, Iterator
from importlib.util import resolve_name
from pathlib import Path

from django.apps import apps

from events.event import Event

SKIPPED_FOLDERS = {"migrations", "tests"}


def find_call_sites(event_classes: Iterable[type[Event]]) -> dict[type[Event], list[str]]:
    """Return the dotted paths of the functions that call each class.

    Events that are created in other ways, such as by a class in a variable, are not found.
    """
    by_path = {f"{event_class.__module__}.{event_class.__qualname__}": event_class for event_class in event_classes}
    found: dict[type[Event], set[str]] = {event_class: set() for event_class in by_path.values()}
    for module, file in _modules():
        source = file.read_text()
        if any(event_class.__name__ in source for event_class in found):
            for path, function in _calls(module, ast.parse(source), is_package=file.name == "__init__.py"):
                if event_class := by_path.get(path):
                    found[event_class].add(function)
    return {event_class: sorted(functions) for event_class, functions in found.items()}


def _modules() -> Iterator[tuple[str, Path]]:
    """Yield the name and the file of each module of the installed apps."""
    for app in apps.get_app_configs():
        for file in sorted(Path(app.path).rglob("*.py")):
            below = file.relative_to(app.path).with_suffix("").parts
            if SKIPPED_FOLDERS.isdisjoint(below):
                yield ".".join((app.name, *below)).removesuffix(".__init__"), file


def _calls(module: str, tree: ast.Module, *, is_package: bool) -> Iterator[tuple[str, str]]:
    """Return each call: the dotted path that is called, and that of the calling function."""
    imported = dict(_imports(module if is_package else module.rpartition(".")[0], tree))

    def search(node: ast.AST, scope: str) -> Iterator[tuple[str, str]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call) and isinstance(child.func, ast.Name | ast.Attribute):
                head, dot, rest = ast.unparse(child.func).partition(".")
                yield imported.get(head, f"{module}.{head}") + dot + rest, scope
            if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield from search(child, f"{scope}.{child.name}")
            else:
                yield from search(child, scope)

    return search(tree, module)


def _imports(package: str, tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the names that the module imports, each with its dotted path."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            origin = resolve_name("." * node.level + (node.module or ""), package)
            yield from ((alias.asname or alias.name, f"{origin}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.asname, alias.name) for alias in node.names if alias.asname)
            yield from ((alias.name.partition(".")[0],) * 2 for alias in node.names if not alias.asname)
