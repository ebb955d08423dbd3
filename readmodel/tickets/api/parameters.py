"""Read a request's parameters; refuse all that are invalid in one answer."""

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request


def read_parameters(request: Request, serializer_class: type[serializers.Serializer[Any]]) -> dict[str, Any]:
    """Return the parameters that are not empty; raise ValidationError with messages by parameter."""
    serializer = serializer_class(data=request.query_params)
    serializer.is_valid(raise_exception=True)
    return {name: value for name, value in serializer.validated_data.items() if value not in ("", None, [])}


def refuse_beside_a_cursor(request: Request) -> None:
    """Raise ValidationError for each other parameter."""
    if others := [name for name in request.query_params if name != "cursor"]:
        raise ValidationError(
            {name: ["The cursor contains the whole search: leave this parameter out."] for name in others}
        )
