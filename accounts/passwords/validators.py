"""End the tokens of a user who has a new password, whoever sets it: the person, the admin or a command."""

from typing import Any

from django.utils.translation import gettext as _

from accounts import security_log


class EndTokens:
    """Revoke the user's tokens, as Django ends the sessions: whoever knew the old password may have made some.

    One of AUTH_PASSWORD_VALIDATORS, as these are told when a password has changed.
    """

    def validate(self, password: str, user: Any = None) -> None:
        """Accept every password."""

    def get_help_text(self) -> str:
        return _("API tokens end with the old password.")

    def password_changed(self, password: str, user: Any = None) -> None:  # noqa: ARG002 (Django's signature)
        security_log.write("password_changed", of=user.get_username())
        user.api_tokens.revoke("password changed")
