"""The admin's site, with the theme; log-in, log-out and passwords are those of accounts."""

from typing import Any

from django.contrib import admin
from django.urls import URLPattern, URLResolver
from unfold.sites import UnfoldAdminSite

from accounts.admin_site import AdminSite as SiteOfAccounts
from config.admin import forgetting
from config.admin.operations import views as operations
from config.admin.theme import themed


class AdminSite(SiteOfAccounts, UnfoldAdminSite):  # type: ignore[misc]
    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        super().register(model_or_iterable, themed(admin_class or admin.ModelAdmin), **options)

    def get_urls(self) -> list[URLResolver | URLPattern]:
        """Leave out the theme's search for the names of models, which the navigation lists."""
        return [*operations.urls(self), *forgetting.urls(self), *admin.AdminSite.get_urls(self)]
