"""Add what all operations have in common to the OpenAPI document."""

from typing import Any

from config.web.answers.problems import PROBLEM_CONTENT_TYPE
from events.consistency_token import HEADER, MAX_LENGTH

READS = {"get", "head", "options"}
TOKEN_HEADER = {
    "description": "Send this token with a search, and its results include this write.",
    "schema": {"type": "string", "maxLength": MAX_LENGTH},
}
IF_NONE_MATCH = {
    "in": "header",
    "name": "If-None-Match",
    "schema": {"type": "string"},
    "description": "Answer 304, without a body, if this is still the ETag.",
}
ETAG = {"description": "It names this state of the answer.", "schema": {"type": "string"}}
NOT_MODIFIED = {"description": "The answer is still the one with this ETag."}

PROBLEM = {
    "type": "object",
    "description": "An error, as problem details (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "examples": ["urn:problem:transition-refused"]},
        "title": {"type": "string", "examples": ["Transition refused"]},
        "status": {"type": "integer", "examples": [409]},
        "detail": {
            "type": "string",
            "examples": ["ticket K7WQ2MXA is already canceled; its replacement is 9FDR4TCH"],
        },
        "errors": {
            "type": "object",
            "additionalProperties": {},
            "description": "The messages about invalid parameters and fields, by their names; `17.title` is the title "
            "of the ticket 17 of a list, counted from 0.",
            "examples": [{"holder_email": ["Enter a valid email address."]}],
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


def document_conditional_reads(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Document, as a postprocessing hook of drf-spectacular, the ETags of all that is read as JSON."""
    for operations in result["paths"].values():
        answers = operations.get("get", {}).get("responses", {})
        if "application/json" in answers.get("200", {}).get("content", {}):
            operations["get"].setdefault("parameters", []).append(IF_NONE_MATCH)
            answers["200"].setdefault("headers", {})["ETag"] = ETAG
            answers["304"] = NOT_MODIFIED
    return result


def let_answers_overlap(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Say, as a postprocessing hook of drf-spectacular, `anyOf` for its `oneOf`: a whole answer is an outline too."""
    for schema in result["components"]["schemas"].values():
        if "oneOf" in schema and "discriminator" not in schema:
            schema["anyOf"] = schema.pop("oneOf")
    return result
