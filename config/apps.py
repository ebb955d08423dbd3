"""Register the project as an app, so that Django finds its commands, checks and templates."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"
    label = "config"

    def ready(self) -> None:
        from config import checks  # noqa: F401, PLC0415 (the import registers them)
