"""The tables of the app, each of which is defined in the folder that uses it."""

from accounts.throttling.limits import Attempts
from accounts.tokens.token import Token, TokenQuerySet, validate_scopes

__all__ = ["Attempts", "Token", "TokenQuerySet", "validate_scopes"]
