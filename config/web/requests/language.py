"""Choose the language of an answer: the one that a person has chosen, else the one that the browser prefers."""

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, parse_cookie
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation.trans_real import parse_accept_lang_header
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

choose_language = transaction.non_atomic_requests(require_POST(set_language))
"""Django's view keeps the choice in a cookie, and leads back to the page, if that is one of this service."""
REST = "/api/"
PRINTED = (".pdf", ".png")
"""What a person reads, though its address is one of REST."""
REGIONS = {"en": ("us", "ca", "au", "nz", "ie", "in", "za", "gb"), "de": ("at", "lu", "de")}
"""Regions that write dates, numbers or prices in their own way; the header could have any text. Babel misplaces the
apostrophes of Switzerland."""


class LanguageMiddleware(LocaleMiddleware):
    """Django's middleware, which also looks at the region, and leaves REST in English."""

    def process_request(self, request: HttpRequest) -> None:
        if _is_rest(request):
            translation.activate(settings.LANGUAGE_CODE)
        else:
            translation.activate(language_of(request))
        request.LANGUAGE_CODE = translation.get_language() or settings.LANGUAGE_CODE

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if _is_rest(request):
            return response
        patch_vary_headers(response, ("Cookie",))
        return super().process_response(request, response)


def _is_rest(request: HttpRequest) -> bool:
    return request.path.startswith(REST) and not request.path.endswith(PRINTED)


def language_in(accepted: str, cookies: str = "") -> str:
    """Return the language that was chosen, or else the first one of the header Accept-Language that the pages have."""
    chosen = parse_cookie(cookies).get(settings.LANGUAGE_COOKIE_NAME, "")
    if chosen in REGIONS:
        return chosen
    codes = (tag.partition("-")[0] for tag, _ in parse_accept_lang_header(accepted))
    return next((code for code in codes if code in REGIONS), settings.LANGUAGE_CODE)


def language_of(request: HttpRequest) -> str:
    """Return the language, with the browser's region if the browser prefers the same language: en, en-us, de-at."""
    language = translation.get_language_from_request(request)
    preferred = parse_accept_lang_header(request.META.get("HTTP_ACCEPT_LANGUAGE", ""))
    tags = (tag.partition("-") for tag, _ in preferred)
    region = next((region for code, _, region in tags if code == language), "")
    return f"{language}-{region}" if region in REGIONS[language] else language
