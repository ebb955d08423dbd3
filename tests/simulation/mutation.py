"""Plant a fault: change one line of a module's source, and put the changed functions and constants in place.

Functions get the changed code in place, so every reference to them has it. The block undoes it.
"""

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple


class Mutation(NamedTuple):
    """A text that occurs once in a module's source, and what takes its place."""

    name: str
    module: str
    text: str
    replacement: str


class Stale(Exception):
    """The module's source does not have the text once, or the change changes nothing that can be replaced."""


@contextmanager
def planted(mutation: Mutation) -> Iterator[None]:
    """Let the module's code have the fault during the block; raise Stale."""
    module = import_module(mutation.module)
    source = Path(str(module.__file__)).read_text()
    if source.count(mutation.text) != 1:
        raise Stale(f"{mutation.module} has {mutation.text!r} {source.count(mutation.text)} times")
    undo = [*_plant(module, source, source.replace(mutation.text, mutation.replacement))]
    if not undo:
        raise Stale(f"{mutation.name} changes no function and no constant of {mutation.module}")
    try:
        yield
    finally:
        for action in undo:
            action()


def _plant(module: ModuleType, source: str, changed: str) -> Iterator[Callable[[], None]]:
    before, after = _codes(source, module), _codes(changed, module)
    functions = {function.__qualname__: function for function in _functions(module)}
    for name, code in after.items():
        function = functions.get(name)
        if function and before.get(name) != code:
            yield _replace_code(function, code)
    old, new = _constants(source), _constants(changed)
    for name, value in new.items():
        if old.get(name) != value:
            yield _replace_constant(module, name, ast.literal_eval(value))


def _replace_code(function: FunctionType, code: CodeType) -> Callable[[], None]:
    original = function.__code__
    function.__code__ = code

    def undo() -> None:
        function.__code__ = original

    return undo


def _replace_constant(module: ModuleType, name: str, value: Any) -> Callable[[], None]:
    original = getattr(module, name)
    setattr(module, name, value)
    return lambda: setattr(module, name, original)


def _codes(source: str, module: ModuleType) -> dict[str, CodeType]:
    """Return the code of each function by its qualified name."""
    found: dict[str, CodeType] = {}
    todo = [compile(source, str(module.__file__), "exec", dont_inherit=True)]
    while todo:
        for constant in todo.pop().co_consts:
            if isinstance(constant, CodeType):
                found[constant.co_qualname] = constant
                todo.append(constant)
    return found


def _constants(source: str) -> dict[str, ast.expr]:
    """Return the module's constants of plain values, as text that compares."""
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                ast.literal_eval(node.value)
            except ValueError:
                continue
            found[node.targets[0].id] = ast.unparse(node.value)
    return found


def _functions(module: ModuleType) -> Iterator[FunctionType]:
    for value in vars(module).values():
        if isinstance(value, type) and value.__module__ == module.__name__:
            for member in vars(value).values():
                yield from _function_of(member, module)
        else:
            yield from _function_of(value, module)


def _function_of(value: Any, module: ModuleType) -> Iterator[FunctionType]:
    if isinstance(value, property):
        value = value.fget
    value = getattr(value, "func", value)  # Of a cached property.
    value = getattr(value, "__func__", value)
    while hasattr(value, "__wrapped__"):
        value = value.__wrapped__
    if isinstance(value, FunctionType) and value.__module__ == module.__name__:
        yield value
