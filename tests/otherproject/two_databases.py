"""The same project with two databases: the events and the crates are in one, the users of the admin in the other."""

from pathlib import Path

from admin_settings import *  # noqa: F403
from settings import DATABASES

DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": Path(__file__).parent / "users.sqlite3"},
    "shop": DATABASES["default"],
}
DATABASE_ROUTERS = ["routers.ShopRouter"]
EVENTS_DATABASE = "shop"
