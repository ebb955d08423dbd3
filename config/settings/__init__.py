"""Django's settings; docs/reference/settings.md has the environment variables by which operators set them.

variables.py      the environment, and the data folder
security.py       keys, hosts, HTTPS, log-in
limits.py         what a web process takes on
databases.py      the database, its pool, caches
log_of_events.py  EVENTS_*
search.py         READMODEL_*
box_office.py     TICKETS_* and ACCESS_SYSTEM_*
pages.py          templates, languages, static files, the admin's theme
rest.py           the REST interface
logs.py           what is logged
metrics.py        where Prometheus finds metrics
tracing.py        OTEL_*
"""

from config.environment.spelling import misspelt
from config.settings.box_office import *  # noqa: F403
from config.settings.databases import *  # noqa: F403
from config.settings.limits import *  # noqa: F403
from config.settings.log_of_events import *  # noqa: F403
from config.settings.logs import *  # noqa: F403
from config.settings.metrics import *  # noqa: F403
from config.settings.pages import *  # noqa: F403
from config.settings.rest import *  # noqa: F403
from config.settings.search import *  # noqa: F403
from config.settings.security import *  # noqa: F403
from config.settings.tracing import *  # noqa: F403
from config.settings.variables import *  # noqa: F403
from config.settings.variables import environment

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
    "config.web.requests.tracing.TracingMiddleware",
    "config.web.requests.measuring.MeasuringMiddleware",
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
    "config.web.answers.typed_text.SessionEndedMiddleware",
    "config.web.answers.conditional.ConditionalGetMiddleware",
    "config.web.answers.problems.LostRaceMiddleware",
    "config.web.answers.error_pages.UnstorableValueMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"

WRONG_VARIABLES = environment.wrong
MISSING_VARIABLES = environment.missing
UNKNOWN_VARIABLES = list(misspelt(environment.given, environment.names))
# `up` starts the servers that none of these names, and writes those that are named to the file of its data folder.
NAMED_IN_ENVIRONMENT = environment.named(
    (
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
)
