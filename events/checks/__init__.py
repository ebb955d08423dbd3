"""System checks, which register themselves: of the settings and the code that they name, and of the databases."""

from events.checks import databases, settings
from events.checks.tags import CODE_TAG, SETTINGS_TAG, TAG

__all__ = ["CODE_TAG", "SETTINGS_TAG", "TAG", "databases", "settings"]
