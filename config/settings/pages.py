"""The pages and the admin: templates, languages, files, theme."""

from config.environment.sections import Section
from config.settings.security import HTTPS_ONLY
from config.settings.variables import BASE_DIR, DATA_DIR, environment

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
STATIC_ROOT = Section(environment, "Basics").text(
    "STATIC_ROOT",
    default=str(DATA_DIR / "static"),
    default_is="`static` in `DATA_DIR`",
    meaning="where `collectstatic` puts files",
    example="/var/lib/tickets/static",
)
