"""Refuse, by name, what a REST operation does not document: a misspelled filter must not list everything unnoticed."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from rest_framework.exceptions import ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

PLACEHOLDER = re.compile(r"\\{[^}]*\\}")
WITH_BODY = {"POST", "PUT", "PATCH"}
NEVER_EMPTY = {"integer", "number", "boolean"}
MAX_NAMED = 10
MAX_NAME_LENGTH = 50

type Schema = Mapping[str, Any]
type Errors = Iterator[tuple[str, str]]


class Operation(NamedTuple):
    """The query parameters and the body's fields of an operation, each with its schema."""

    parameters: Mapping[str, Schema]
    fields: Mapping[str, Schema]


class OnlyDocumentedInput(BasePermission):
    """Refuse parameters and fields that are unknown, parameters that are repeated, and numbers that are empty.

    It is no permission, but REST framework calls permissions before every view, and after it knows the caller.
    """

    def has_permission(self, request: Request, view: Any) -> bool:  # noqa: ARG002 (REST framework's signature)
        operation = _operation_at(request.path, str(request.method).replace("HEAD", "GET"))
        if operation is None:
            return True
        found = [*_parameter_errors(request, operation.parameters)]
        if request.method in WITH_BODY:
            found += _field_errors(request.data, operation.fields)
        if found:
            raise ValidationError({name[:MAX_NAME_LENGTH]: [message] for name, message in found[:MAX_NAMED]})
        return True


def _parameter_errors(request: Request, known: Mapping[str, Schema]) -> Errors:
    for name, values in request.query_params.lists():
        if name not in known:
            yield name, f"This parameter is unknown; {_choice_of(known)}."
        elif len(values) > 1 and known[name].get("type") != "array":
            yield name, "Give this parameter only once."
        elif "" in values and not _may_be_empty(known[name]):
            yield name, "Give this parameter a value, or leave it out."


def _field_errors(body: Any, known: Mapping[str, Schema]) -> Errors:
    if not isinstance(body, Mapping):
        if not known:
            yield "non_field_errors", "This operation takes no body."
        return  # Otherwise the view says what it expects.
    writable = [name for name, schema in known.items() if not schema.get("readOnly")]
    for name in body:
        if name not in known:
            yield name, f"This field is unknown; {_choice_of(writable)}."
        elif name not in writable:
            yield name, "The service sets this field; leave it out."


def _choice_of(names: Iterable[str]) -> str:
    known = ", ".join(names)
    return f"use one of {known}" if known else "there is none"


def _may_be_empty(schema: Schema) -> bool:
    is_choice = "enum" in schema and "" not in schema["enum"]
    return not (is_choice or schema.get("type") in NEVER_EMPTY or schema.get("minLength"))


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
        content = operation.get("requestBody", {}).get("content", {})
        fields = {name: schema for body in content.values() for name, schema in _properties(body["schema"], document)}
        yield method.upper(), Operation(parameters, fields)


def _properties(schema: Schema, document: Schema) -> Iterable[tuple[str, Schema]]:
    *_, name = schema.get("$ref", "").split("/")
    found = document["components"]["schemas"][name] if name else schema
    properties: Schema = found.get("properties", {})
    return properties.items()
