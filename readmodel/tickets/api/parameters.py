"""Read a request's parameters; refuse all that are unknown, repeated or invalid in one answer."""

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

MAX_UNKNOWN_NAMED = 10
MAX_NAME_LENGTH = 50


def read_parameters(request: Request, serializer_class: type[serializers.Serializer[Any]]) -> dict[str, Any]:
    """Return the parameters that are not empty; raise ValidationError with messages by parameter.

    Unknown ones are refused because a misspelled filter would otherwise answer too many tickets unnoticed.
    """
    given = request.query_params
    serializer = serializer_class(data=given)
    known = serializer.fields
    errors: dict[str, list[str]] = {
        name[:MAX_NAME_LENGTH]: [f"This parameter is unknown; use one of {', '.join(known)}."]
        for name in [name for name in given if name not in known][:MAX_UNKNOWN_NAMED]
    }
    for name, field in known.items():
        if not isinstance(field, serializers.ListField) and len(given.getlist(name)) > 1:
            errors[name] = ["Give this parameter only once."]
    if not serializer.is_valid() or errors:
        raise ValidationError(serializer.errors | errors)
    return {name: value for name, value in serializer.validated_data.items() if value not in ("", None, [])}


def refuse_beside_a_cursor(request: Request) -> None:
    """Raise ValidationError for each other parameter."""
    if others := [name for name in request.query_params if name != "cursor"]:
        raise ValidationError(
            {name: ["The cursor contains the whole search: leave this parameter out."] for name in others}
        )
