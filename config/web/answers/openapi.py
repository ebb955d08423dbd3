"""Add what all operations have in common to the OpenAPI document."""

from typing import Any

from config.web.answers.problems import PROBLEM_CONTENT_TYPE
from events.consistency_token import HEADER, MAX_LENGTH

READS = {"get", "head", "options"}
TOKEN_HEADER = {
    "description": "Send this token with a search, and its results include this write.",
    "schema": {"type": "string", "maxLength": MAX_LENGTH},
}

PROBLEM = {
    "type": "object",
    "description": "An error, as problem details (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "example": "urn:problem:transition-refused"},
        "title": {"type": "string", "example": "Transition refused"},
        "status": {"type": "integer", "example": 409},
        "detail": {"type": "string", "example": "ticket K7WQ2MXA is already canceled; its replacement is 9FDR4TCH"},
        "errors": {
            "type": "object",
            "additionalProperties": {},
            "description": "The messages about invalid fields, by field.",
        },
    },
}
ANY_ERROR = {
    "description": "The request was refused or failed.",
    "content": {PROBLEM_CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def document_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Document, as a postprocessing hook of drf-spectacular, that every operation may answer a problem."""
    result["components"]["schemas"]["Problem"] = PROBLEM
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["responses"]["default"] = ANY_ERROR
    return result


def document_consistency_tokens(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Document, as a postprocessing hook of drf-spectacular, that a successful write answers a consistency token."""
    for operations in result["paths"].values():
        for method in operations.keys() - READS:
            for status, response in operations[method]["responses"].items():
                if status.startswith("2"):
                    response.setdefault("headers", {})[HEADER] = TOKEN_HEADER
    return result


def let_answers_overlap(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Say, as a postprocessing hook of drf-spectacular, `anyOf` for its `oneOf`: a whole answer is an outline too."""
    for schema in result["components"]["schemas"].values():
        if "oneOf" in schema and "discriminator" not in schema:
            schema["anyOf"] = schema.pop("oneOf")
    return result
