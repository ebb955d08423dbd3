"""The database, its sessions, and what is kept in it for a while."""

from typing import Any

from config.environment.database_url import database
from config.environment.sections import Section
from config.settings.variables import environment

env = Section(environment, "The database")
DATABASE_POOL_SIZE = env.number(
    "DATABASE_POOL_SIZE",
    default=16,
    most=1_000,
    meaning="how many sessions of PostgreSQL a process has at most; see [sessions](#sessions-of-the-database)",
)
DATABASE_POOL_SECONDS = env.seconds(
    "DATABASE_POOL_SECONDS",
    default=10.0,
    most=600,
    meaning="how long a thread waits for one of these sessions before it fails",
)
_database: dict[str, Any] = env.url(
    "DATABASE_URL",
    lambda url: database(url, pool={"max_size": DATABASE_POOL_SIZE, "timeout": DATABASE_POOL_SECONDS}),
    otherwise={},
    required="name the folder of a running `up` by DATA_DIR, or set this to the database's URL, such as postgresql://tickets:password@db.example.org/tickets",
    meaning="PostgreSQL, or `sqlite:////path/of/a/file` for one machine; parameters of libpq may follow, such as "
    "`?sslmode=verify-full` or `&tcp_user_timeout=3000` (milliseconds)",
    example="postgresql://tickets:password@db.example.org/tickets?sslmode=verify-full",
    default_is="none: required",
)
# Without a URL, commands that need no database work; for others Django says that none is configured.
DATABASES = {"default": _database} if _database else {}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# All processes share the first one; the migrations of `config` make its table. The second one is counted at every
# request, so it is in the memory of each process.
CACHES: dict[str, Any] = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "config_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    },
    "rates": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "rates",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    },
}

# Jobs that change many tickets; `manage.py run_jobs` runs them.
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
