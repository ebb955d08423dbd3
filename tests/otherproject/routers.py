"""A router that knows where the crates are, and in which database the events' tables are created, but no more."""

from typing import Any

CRATES = "warehouse"
APPS = {CRATES, "events"}


class ShopRouter:
    def db_for_read(self, model: Any, **_: Any) -> str | None:
        return "shop" if model._meta.app_label == CRATES else None

    db_for_write = db_for_read

    def allow_migrate(self, alias: str, app_label: str, **_: Any) -> bool:
        return (alias == "shop") == (app_label in APPS)
