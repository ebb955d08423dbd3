"""Who may come in, and by which way."""

from django.conf import global_settings
from django.utils.csp import CSP

from config.environment.sections import Section
from config.environment.values import origin
from config.settings.variables import environment

env = Section(environment, "Basics")
DEBUG = env.switch("DEBUG", default=False, meaning="Django's debug mode; never in production")
SECRET_KEY = env.secret(
    "SECRET_KEY",
    required="set it to 50 random characters: `openssl rand -base64 38` prints some",
    meaning="Django's secret, of 32 characters or more; `up` makes one for its data folder",
    default_is="none: required",
)
SECRET_KEY_FALLBACKS = env.secrets(
    "SECRET_KEY_FALLBACKS", meaning="former values of `SECRET_KEY`: what they signed stays valid"
)

env = Section(environment, "Who can reach the web server")
ALLOWED_HOSTS = env.items(
    "ALLOWED_HOSTS",
    default=["localhost", "127.0.0.1", "[::1]"],
    meaning="host names that the service answers to",
    example="tickets.example.org,[::1]",
)
CSRF_TRUSTED_ORIGINS = env.items(
    "CSRF_TRUSTED_ORIGINS",
    each=origin,
    meaning="origins of forms behind a proxy that changes the host's name",
    example="https://tickets.example.org",
)
TRUSTED_PROXIES = env.items(
    "TRUSTED_PROXIES",
    meaning="addresses and networks of proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed",
    example="10.0.0.5,10.1.0.0/16",
)
# DEBUG off is production: clients come by HTTPS. `up` serves the loopback address alone, and sets HTTPS_ONLY=false.
HTTPS_ONLY = env.switch(
    "HTTPS_ONLY",
    default=not DEBUG,
    default_is="`true`, with `DEBUG` `false`",
    meaning="redirect plain HTTP to HTTPS, tell browsers to stay there (HSTS), send cookies over TLS alone; `up` sets "
    "it to `false`, since it serves the loopback address",
)
HSTS_SECONDS = env.number(
    "HSTS_SECONDS",
    default=31_536_000,
    least=0,
    meaning="how long browsers ask for HTTPS alone after each answer; 0: not at all",
)
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS_ONLY
SECURE_HSTS_SECONDS = HSTS_SECONDS if HTTPS_ONLY else 0
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
# ForwardedMiddleware removes the header of anybody else.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

AUTHENTICATION_BACKENDS = ["accounts.backend.Backend"]
PASSWORD_HASHERS = ["accounts.passwords.hashing.PasswordHasher", *global_settings.PASSWORD_HASHERS[1:]]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "accounts.passwords.validators.EndTokens"},
]
SECOND_FACTOR_FOR_STAFF = env.switch(
    "SECOND_FACTOR_FOR_STAFF",
    default=False,
    meaning="whether staff have to log in with a second factor to open the admin",
)
OTP_TOTP_ISSUER = "Tickets"
LOGIN_URL = "log_in"
LOGIN_REDIRECT_URL = "search"
