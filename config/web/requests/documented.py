"""Refuse, by name, what a REST operation does not document: a misspelled filter must not list everything unnoticed."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from itertools import chain, islice
from typing import Any, NamedTuple

from rest_framework.exceptions import ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from events.processes.optional_packages import without_packages

PLACEHOLDER = re.compile(r"\\{[^}]*\\}")
WITH_BODY = {"POST", "PUT", "PATCH"}
NEVER_EMPTY = {"integer", "number", "boolean"}
MAX_NAMED = 10
MAX_NAME_LENGTH = 50

type Schema = Mapping[str, Any]
type Errors = Iterator[tuple[str, str]]


class Operation(NamedTuple):
    """The query parameters of an operation with their schemas, and the names of the body's and the answer's fields."""

    parameters: Mapping[str, Schema]
    fields: Collection[str]
    answered: Collection[str]
    takes_list: bool
    """Whether the body may be a list of objects with these fields."""


class OnlyDocumentedInput(BasePermission):
    """Refuse parameters and fields that are unknown, parameters that are repeated, and numbers that are empty.

    It is no permission, but REST framework calls permissions before every view, and after it knows the caller.
    """

    def has_permission(self, request: Request, view: Any) -> bool:  # noqa: ARG002 (REST framework's signature)
        operation = _operation_at(request.path, str(request.method).replace("HEAD", "GET"))
        if operation is None:
            return True
        errors = _parameter_errors(request, operation.parameters)
        if request.method in WITH_BODY:
            errors = chain(errors, _body_errors(request.data, operation))
        if found := list(islice(errors, MAX_NAMED)):
            raise ValidationError({name[:MAX_NAME_LENGTH]: [message] for name, message in found})
        return True


def _parameter_errors(request: Request, known: Mapping[str, Schema]) -> Errors:
    for name, values in request.query_params.lists():
        if name not in known:
            yield name, f"This parameter is unknown; {_choice_of(known)}."
        elif len(values) > 1 and known[name].get("type") != "array":
            yield name, "Give this parameter only once."
        elif "" in values and not _may_be_empty(known[name]):
            yield name, "Give this parameter a value, or leave it out."


def _body_errors(body: Any, operation: Operation) -> Errors:
    if isinstance(body, list) and operation.takes_list:
        for index, item in enumerate(body):
            yield from ((f"{index}.{name}", message) for name, message in _field_errors(item, operation))
    elif isinstance(body, Mapping):
        yield from _field_errors(body, operation)
    elif not operation.fields:
        yield "non_field_errors", "This operation takes no body."


def _field_errors(body: Any, operation: Operation) -> Errors:
    if not isinstance(body, Mapping):
        return  # The view says what it expects.
    for name in body:
        if name in operation.fields:
            continue
        if operation.fields and name in operation.answered:
            yield name, "The service sets this field; leave it out."
        else:
            yield name, f"This field is unknown; {_choice_of(operation.fields)}."


def _choice_of(names: Iterable[str]) -> str:
    known = ", ".join(names)
    return f"use one of {known}" if known else "there is none"


def _may_be_empty(schema: Schema) -> bool:
    is_choice = "enum" in schema and "" not in schema["enum"]
    types = schema.get("type", ())
    types = {types} if isinstance(types, str) else set(types)
    has_form = "format" in schema and "null" not in types  # An id or a time, for example.
    return not (is_choice or has_form or NEVER_EMPTY & types or schema.get("minLength"))


def _operation_at(path: str, method: str) -> Operation | None:
    return next(
        (found[method] for pattern, found in _documented() if method in found and pattern.fullmatch(path)), None
    )


def load_documented_operations() -> None:
    """Make the OpenAPI document at the start of a web process, not in its first request."""
    _documented()


@cache
def _documented() -> list[tuple[re.Pattern[str], Mapping[str, Operation]]]:
    """Return the operations of the OpenAPI document by the pattern of their path and by their method."""
    from drf_spectacular.contrib.django_filters import DjangoFilterExtension  # noqa: PLC0415 (as below)
    from drf_spectacular.generators import SchemaGenerator  # noqa: PLC0415 (it needs views, which need this class)

    # It would start compilers, to look for a library of maps on this machine.
    DjangoFilterExtension._has_gis = False  # type: ignore[attr-defined]  # noqa: SLF001
    with without_packages("pydantic"):  # Serializers could be made of its models; here none is.
        document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return [
        (re.compile(PLACEHOLDER.sub("[^/]+", re.escape(path))), dict(_operations(operations, document)))
        for path, operations in document["paths"].items()
    ]


def _operations(operations: Schema, document: Schema) -> Iterator[tuple[str, Operation]]:
    for method, operation in operations.items():
        parameters = {
            found["name"]: found["schema"] for found in operation.get("parameters", ()) if found["in"] == "query"
        }
        bodies = [*_schemas_in(operation.get("requestBody", {}), document)]
        answers = [
            schema
            for status, response in operation["responses"].items()
            if status.startswith("2")
            for schema in _schemas_in(response, document)
        ]
        takes_list = any(schema.get("type") == "array" for schema in bodies)
        yield method.upper(), Operation(parameters, _names_in(bodies), _names_in(answers), takes_list)


def _schemas_in(part: Schema, document: Schema) -> Iterator[Schema]:
    for content in part.get("content", {}).values():
        yield from _unfolded(content["schema"], document)


def _unfolded(schema: Schema, document: Schema) -> Iterator[Schema]:
    """Yield the schema that a reference names, or all of which it is one, with those of a list's items."""
    *_, name = schema.get("$ref", "").split("/")
    found = document["components"]["schemas"][name] if name else schema
    yield found
    for below in (*found.get("oneOf", ()), *found.get("anyOf", ()), *filter(None, [found.get("items")])):
        yield from _unfolded(below, document)


def _names_in(schemas: Iterable[Schema]) -> Collection[str]:
    return dict.fromkeys(name for schema in schemas for name in schema.get("properties", {}))
