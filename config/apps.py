"""Register the project as an app, so that Django finds its commands and templates."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"
    label = "config"
