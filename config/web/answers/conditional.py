"""Answer 304 to a REST client that has the current representation already."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response, set_response_etag
from django.utils.deprecation import MiddlewareMixin

from config.web.answers.headers import READS
from config.web.answers.problems import API


class ConditionalGetMiddleware(MiddlewareMixin):
    """Compare If-None-Match and If-Match with the ETag, which a view has set, or else is made of the content."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if request.method not in READS or not request.path.startswith(API):
            return response
        if response.status_code != HTTPStatus.OK or not isinstance(response, HttpResponse):
            return response
        if not response.has_header("ETag"):
            set_response_etag(response)
        return get_conditional_response(request, etag=response["ETag"], response=response) or response
