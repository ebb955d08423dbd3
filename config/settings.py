"""Read all settings from environment variables; no other module reads the environment.

`manage.py up` writes the URLs of the servers that it starts to the file `env` in the data folder. Real environment
variables take precedence over that file.
"""

import os
from pathlib import Path
from typing import Any

import environ
from django.conf import global_settings
from django.utils.csp import CSP

from config.environment import Environment

BASE_DIR = Path(__file__).resolve().parent.parent

# A copy without empty variables. What the file below adds is not passed on to child processes.
environ.Env.ENVIRON = {name: value for name, value in os.environ.items() if value}
env = Environment()
WRONG_VARIABLES = env.wrong
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / ".data"))).resolve()
# `up` starts the servers that none of these names, and writes those that are named to the file.
NAMED_IN_ENVIRONMENT = {
    name: env.str(name)
    for name in (
        "DATABASE_URL",
        "EVENT_STREAM_URL",
        "ELASTICSEARCH_URL",
        "ACCESS_SYSTEM_URL",
        "ACCESS_SYSTEM_SECRETS",
        "ACCESS_SYSTEM_ALLOW_PRIVATE",
        "SECRET_KEY",
        "SECRET_KEY_FALLBACKS",
        "EVENTS_STREAM_KEYS",
        "HTTPS_ONLY",
    )
    if name in env
}
ENV_FILE = DATA_DIR / "env"
if ENV_FILE.exists():
    env.read_env(ENV_FILE)

DEBUG = env.switch("DEBUG", default=False)
# Django refuses an empty key as soon as it needs one; `up` makes a random one for its data folder.
SECRET_KEY = env.str("SECRET_KEY", default="")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# DEBUG off is production: clients come by HTTPS. `up` serves the loopback address alone, and sets HTTPS_ONLY=false.
HTTPS_ONLY = env.switch("HTTPS_ONLY", default=not DEBUG)
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS_ONLY
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", default=31_536_000) if HTTPS_ONLY else 0
CSRF_FAILURE_VIEW = "config.web.answers.error_pages.csrf_failure"
PROBED_PATHS = ["healthz", "readyz", "metrics"]  # Asked from beside the process, by its address and without TLS.
SECURE_REDIRECT_EXEMPT = [f"^{path}$" for path in PROBED_PATHS]
# A page loads and runs files of this service alone.
SECURE_CSP: dict[str, list[str]] = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF, CSP.NONCE],
    "style-src": [CSP.SELF, CSP.NONCE],
    "img-src": [CSP.SELF],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}
SILENCED_SYSTEM_CHECKS = ["security.W021"]  # Preloading binds the domain for years: its owner decides.
TRUSTED_PROXIES = env.list("TRUSTED_PROXIES", default=[])
# ForwardedMiddleware removes the header of anybody else.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# What one process of the web server takes on at once; docs/reference/web-server.md says more.
WEB_REQUESTS_AT_ONCE = env.int("WEB_REQUESTS_AT_ONCE", default=200)
WEB_QUEUE_SECONDS = env.float("WEB_QUEUE_SECONDS", default=5.0)
WEB_BODY_BYTES = env.int("WEB_BODY_BYTES", default=1_000_000)
WEB_BODY_SECONDS = env.float("WEB_BODY_SECONDS", default=10.0)
WEB_UPLOAD_BYTES = env.int("WEB_UPLOAD_BYTES", default=10_000_000)
WEB_UPLOAD_SECONDS = env.float("WEB_UPLOAD_SECONDS", default=60.0)
WEB_BULK_BYTES = env.int("WEB_BULK_BYTES", default=5_000_000)
WEB_BODIES_BYTES = env.int("WEB_BODIES_BYTES", default=64_000_000)
API_USER_PER_MINUTE = env.int("API_USER_PER_MINUTE", default=6_000)
API_ADDRESS_PER_MINUTE = env.int("API_ADDRESS_PER_MINUTE", default=6_000)

INSTALLED_APPS = [
    "config",  # Before the admin and its theme, whose templates it replaces.
    "unfold.apps.BasicAppConfig",
    "config.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_htmx",
    "django_otp",
    "django_otp.plugins.otp_static",
    "django_otp.plugins.otp_totp",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_tasks_db",
    "events",
    "tickets",
    "readmodel",
    "readmodel.tickets",
    "accounts",
]

MIDDLEWARE = [
    "events.middleware.CollectorMiddleware",
    "config.web.requests.addresses.ForwardedMiddleware",
    "config.web.requests.access_log.AccessLogMiddleware",
    "config.web.answers.headers.HeadersMiddleware",
    "config.web.requests.language.LanguageMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "config.web.answers.error_pages.ErrorPagesMiddleware",
    "config.web.limits.address_rate.AddressRateMiddleware",
    "config.web.requests.readable.ReadableTextMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "config.web.requests.hosts.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "accounts.middleware.AccountsMiddleware",
    "config.web.answers.conditional.ConditionalGetMiddleware",
    "config.web.answers.problems.LostRaceMiddleware",
    "config.web.answers.error_pages.UnstorableValueMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
            ],
        },
    },
]


# A host that vanishes sends no reset: a statement in flight would wait for it for hours. The URL can name other values.
VANISHED_HOST = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # Milliseconds.
}


def database(url: str) -> dict[str, Any]:
    """Return Django's settings for the database: PostgreSQL, or SQLite, with its single writer, for one machine."""
    config: dict[str, Any] = {**env.db_url_config(url), "ATOMIC_REQUESTS": True, "CONN_HEALTH_CHECKS": True}
    if config["ENGINE"].endswith("sqlite3"):
        # IMMEDIATE: select_for_update does not lock on SQLite, and a transaction that reads first can't write.
        config["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=5000",
        }
    if config["ENGINE"].endswith("postgresql"):
        config["ENGINE"] = "config.postgresql"
        # An ASGI server runs each request in its own thread, so only a pool keeps connections between requests.
        config["OPTIONS"] = {**VANISHED_HOST, **config.get("OPTIONS", {}), "pool": {"max_size": 16, "timeout": 10}}
    return config


# Without a URL, commands that need no database work; for others Django says that none is configured.
DATABASE_URL = env.str("DATABASE_URL", default="")
DATABASES = {"default": database(DATABASE_URL)} if DATABASE_URL else {}
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

ELASTICSEARCH_URL = env.str("ELASTICSEARCH_URL", default="http://localhost:9200")
READMODEL_PROJECTIONS = ["readmodel.tickets.documents.TicketDocuments", "readmodel.tickets.timeline.Timeline"]
READMODEL_ALIAS = env.str("READMODEL_ALIAS", default="tickets")
READMODEL_CONSISTENCY_SECONDS = env.float("READMODEL_CONSISTENCY_SECONDS", default=2.0)
READMODEL_MAX_WAITING = env.int("READMODEL_MAX_WAITING", default=100)
READMODEL_CURSORS_PER_USER = env.int("READMODEL_CURSORS_PER_USER", default=10)
READMODEL_AUDIT_PER_SECOND = env.int("READMODEL_AUDIT_PER_SECOND", default=200)
TICKETS_REINSTATE_SECONDS = env.int("TICKETS_REINSTATE_SECONDS", default=3600)
# By which the QR codes of tickets are known; the first one signs.
TICKETS_QR_KEYS = env.list("TICKETS_QR_KEYS", default=[])
# Font files for the scripts that printed tickets lack.
TICKETS_FONTS = env.list("TICKETS_FONTS", default=[])
# Of venues for which none is given.
TICKETS_TIME_ZONE = env.str("TICKETS_TIME_ZONE", default="UTC")
ACCESS_SYSTEM_URL = env.str("ACCESS_SYSTEM_URL", default="")
ACCESS_SYSTEM_SECRETS = env.list("ACCESS_SYSTEM_SECRETS", default=[])
ACCESS_SYSTEM_ALLOW_PRIVATE = env.switch("ACCESS_SYSTEM_ALLOW_PRIVATE", default=False)

EVENTS_STREAM_URL = env.str("EVENT_STREAM_URL", default="redis://localhost:6379/tickets")
EVENTS_SETTING_NAMES = {"EVENTS_STREAM_URL": "EVENT_STREAM_URL", "DATABASES": "DATABASE_URL"}
EVENTS_STREAM_KEYS = env.list("EVENTS_STREAM_KEYS", default=[])
EVENTS_FORGOTTEN_FILE = env.str("EVENTS_FORGOTTEN_FILE", default=str(DATA_DIR / "forgotten"))
EVENTS_FORGOTTEN_KEYS = env.list("EVENTS_FORGOTTEN_KEYS", default=[])
EVENTS_BACKUP_DAYS = env.int("EVENTS_BACKUP_DAYS", default=0)
EVENTS_SOURCE = env.str("EVENTS_SOURCE", default="/tickets")
EVENTS_PARTITIONS = env.int("EVENTS_PARTITIONS", default=1)
EVENTS_SCHEMA_LOCK = BASE_DIR / "event-schemas.json"
EVENTS_FLUSH_ON_COMMIT = env.switch("EVENTS_FLUSH_ON_COMMIT", default=True)
EVENTS_RELAY_INTERVAL_SECONDS = env.float("EVENTS_RELAY_INTERVAL_SECONDS", default=0.5)
EVENTS_HANDLER_SECONDS = env.float("EVENTS_HANDLER_SECONDS", default=300.0)
EVENTS_SUBSCRIBERS = {
    "readmodel": "readmodel.subscriber.ReadModel",
    "access": "tickets.access.AccessSystem",
}
EVENTS_AGGREGATES = {"ticket": "tickets.aggregate.TicketAggregate"}

# Who may come in.
AUTHENTICATION_BACKENDS = ["accounts.backend.Backend"]
PASSWORD_HASHERS = ["accounts.passwords.hashing.PasswordHasher", *global_settings.PASSWORD_HASHERS[1:]]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "accounts.passwords.validators.EndTokens"},
]
SECOND_FACTOR_FOR_STAFF = env.switch("SECOND_FACTOR_FOR_STAFF", default=False)
OTP_TOTP_ISSUER = "Tickets"
LOGIN_URL = "log_in"
LOGIN_REDIRECT_URL = "search"

# The admin's theme. Its colours are in config/static/config/admin/admin.css.
UNFOLD = {
    "SITE_TITLE": "Tickets",
    "SITE_HEADER": "Tickets",
    "SITE_SYMBOL": "confirmation_number",
    "SIDEBAR": {"navigation": "config.admin.navigation.navigation"},
}

# The languages of the pages and the admin; REST is in English.
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = HTTPS_ONLY
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = env.str("STATIC_ROOT", default=str(DATA_DIR / "static"))

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.tokens.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "config.web.permissions.ModelPermissions",
        "config.web.requests.documented.OnlyDocumentedInput",
    ],
    "DEFAULT_THROTTLE_CLASSES": ["config.web.limits.rates.UserRate"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["config.web.requests.json_body.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "config.web.answers.problems.problem_handler",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Tickets",
    "DESCRIPTION": "Issue, check in and cancel tickets; search the read model that their events build.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "TAGS": [
        {"name": "Tickets", "description": "Issue, show, correct, cancel and check in tickets, in the database."},
        {"name": "Gate", "description": "Let people in, also from devices that have no network for a while."},
        {"name": "Jobs", "description": "Cancel or check in many tickets, and follow the progress."},
        {"name": "Search", "description": "Find tickets in the read model, which is about a second behind."},
        {"name": "Events", "description": "Read the log of what has happened to the tickets."},
    ],
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,  # So that a client's types for requests lack what only the service sets.
    "COMPONENT_SPLIT_PATCH": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.web.answers.openapi.document_problems",
        "config.web.answers.openapi.document_consistency_tokens",
        "config.web.answers.openapi.document_conditional_reads",
        "config.web.answers.openapi.let_answers_overlap",
    ],
    "ENUM_NAME_OVERRIDES": {"StatusEnum": "tickets.models.Status"},
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},  # Else it tells a server of others the address.
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "correlation": {"()": "events.correlation.CorrelationFilter"},
        "refusals": {"()": "config.log_lines.RefusalFilter"},
    },
    "formatters": {
        "line": {
            "class": "config.log_lines.LineFormatter",
            "format": "{asctime} {levelname} {name}{correlation} {message}",
            "style": "{",
        },
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["correlation", "refusals"]}
    },
    "root": {"handlers": ["console"], "level": env.log_level("LOG_LEVEL", default="INFO")},
    "loggers": {
        "httpx": {"level": "WARNING"},
        "elastic_transport": {"level": "ERROR"},
        "fontTools": {"level": "WARNING"},
        # They tell each slice of a job.
        "django.tasks": {"level": "WARNING"},
        "django_tasks_db": {"level": "WARNING"},
    },
}
