"""Register the project as an app, so that Django finds its commands, checks and templates; and its admin."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class AdminConfig(admin_apps.SimpleAdminConfig):
    """Django's admin; INSTALLED_APPS names this in its place.

    config/urls.py loads the admin's classes: with their theme they would make each command's start half as long again.
    """

    default = False
    default_site = "config.admin.site.AdminSite"


class ConfigConfig(AppConfig):
    default = True
    name = "config"
    label = "config"

    def ready(self) -> None:
        from config import checks, tracing  # noqa: F401, PLC0415 (the import registers the checks)
        from config.logs import receivers  # noqa: F401, PLC0415 (it connects itself)

        tracing.start_tracing()
