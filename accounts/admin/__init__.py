"""Users, groups and tokens in the admin; each module registers its own."""

from accounts.admin import tokens, users

__all__ = ["tokens", "users"]
