"""Take a request's parameters: those that are unknown, doubled or unfit are refused, all at once."""

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

MAX_UNKNOWN_NAMED = 10
MAX_NAME_LENGTH = 50


def read_parameters(request: Request, serializer_class: type[serializers.Serializer[Any]]) -> dict[str, Any]:
    """Return what was given, without what was given empty; raise ValidationError by parameter.

    A misspelled filter that is passed over would answer too much, and nobody would notice.
    """
    given = request.query_params
    serializer = serializer_class(data=given)
    known = serializer.fields
    errors: dict[str, list[str]] = {
        name[:MAX_NAME_LENGTH]: [f"There is no such parameter; known are {', '.join(known)}."]
        for name in [name for name in given if name not in known][:MAX_UNKNOWN_NAMED]
    }
    for name, field in known.items():
        if not isinstance(field, serializers.ListField) and len(given.getlist(name)) > 1:
            errors[name] = ["Give it once."]
    if not serializer.is_valid() or errors:
        raise ValidationError(serializer.errors | errors)
    return {name: value for name, value in serializer.validated_data.items() if value not in ("", None, [])}


def refuse_beside_a_cursor(request: Request) -> None:
    """Raise ValidationError for what a cursor has in it already."""
    if others := [name for name in request.query_params if name != "cursor"]:
        raise ValidationError({name: ["A cursor has the search in it: give it alone."] for name in others})
