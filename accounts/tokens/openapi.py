"""Describe the authentication by token to the OpenAPI document."""

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.tokens.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:  # noqa: ARG002 (the library's signature)
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A token from `manage.py create_token` or the admin.",
        }
