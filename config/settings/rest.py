"""The REST interface and its OpenAPI document."""

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.tokens.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "config.web.permissions.ModelPermissions",
        "config.web.requests.documented.OnlyDocumentedInput",
    ],
    "DEFAULT_THROTTLE_CLASSES": ["config.web.limits.rates.UserRate"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["config.web.requests.json_body.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "config.web.answers.problems.problem_handler",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Tickets",
    "DESCRIPTION": "Issue, check in and cancel tickets; search the read model that their events build.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "TAGS": [
        {"name": "Tickets", "description": "Issue, show, correct, cancel and check in tickets, in the database."},
        {"name": "Gate", "description": "Let people in, also from devices that have no network for a while."},
        {"name": "Jobs", "description": "Cancel or check in many tickets, and follow the progress."},
        {"name": "Search", "description": "Find tickets in the read model, which is a second behind at most."},
        {"name": "Events", "description": "Read the log of what has happened to the tickets."},
    ],
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,  # So that a client's types for requests lack what only the service sets.
    "COMPONENT_SPLIT_PATCH": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.web.answers.openapi.document_problems",
        "config.web.answers.openapi.document_consistency_tokens",
        "config.web.answers.openapi.document_conditional_reads",
        "config.web.answers.openapi.let_answers_overlap",
    ],
    "ENUM_NAME_OVERRIDES": {"StatusEnum": "tickets.models.Status"},
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},  # Else it tells a server of others the address.
}
