"""Limit how many requests a minute an address sends to the API."""

from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

from config.web.answers.problems import API, respond
from config.web.limits.rates import seconds_refused
from config.web.requests.addresses import client_address
from tickets.api.problem_details import problem

TOO_MANY = "Your address sends more requests than the service takes from one; try again in {} seconds."


class AddressRateMiddleware(MiddlewareMixin):
    """An address sends API_ADDRESS_PER_MINUTE requests at most, whether it has a token or not."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        if not request.path.startswith(API):
            return None
        seconds = seconds_refused(f"address.{client_address(request)}", limit=settings.API_ADDRESS_PER_MINUTE)
        if not seconds:
            return None
        refusal = respond(problem(HTTPStatus.TOO_MANY_REQUESTS, TOO_MANY.format(seconds)))
        refusal["Retry-After"] = str(seconds)
        return refusal
