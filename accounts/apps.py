"""Register the app, and the admin with a site of our own."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class AdminConfig(admin_apps.AdminConfig):
    """Django's admin; INSTALLED_APPS names this in its place."""

    default = False
    default_site = "accounts.admin_site.AdminSite"


class AccountsConfig(AppConfig):
    default = True
    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts.security_log import signals  # noqa: F401, PLC0415 (it connects itself)
