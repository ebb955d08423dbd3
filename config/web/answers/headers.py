"""Send the headers that protect a browser's user, and let nothing personal stay in a cache."""

from http import HTTPStatus

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control
from django.utils.deprecation import MiddlewareMixin

from config.web.asgi_types import Application, Message, Receive, Scope, Send

UNUSED_FEATURES = ("camera", "display-capture", "geolocation", "microphone", "payment", "usb")
HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in UNUSED_FEATURES),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
OUTSIDE_OF_DJANGO = HEADERS | {
    # An icon that is opened by itself has its own style.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""What static files and refusals lack, which no middleware of Django sees."""

READS = {"GET", "HEAD"}


def with_headers(application: Application) -> Application:
    """Add the headers that a response lacks."""
    ours = [(name.lower().encode(), value.encode()) for name, value in OUTSIDE_OF_DJANGO.items()]

    async def protected(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = message.get("headers", ())
                names = {bytes(name).lower() for name, _ in given}
                message = {**message, "headers": [*given, *(header for header in ours if header[0] not in names)]}
            await send(message)

        await application(scope, receive, send_protected)

    return protected


class HeadersMiddleware(MiddlewareMixin):
    """Complete each response of Django; it comes before all middleware that can refuse a request."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        patch_cache_control(response, no_store=True)
        if response.status_code == HTTPStatus.MOVED_PERMANENTLY and request.method not in READS:
            response.status_code = HTTPStatus.PERMANENT_REDIRECT  # After a 301 a client repeats a POST as a GET.
        return response
