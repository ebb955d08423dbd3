"""Clients of the REST interface, and what they send."""

from collections.abc import Sequence
from uuid import uuid4

from django.contrib.auth.models import User
from rest_framework.test import APIClient

from accounts.models import Token
from tests.permitted import permit
from tests.tickets import FIELDS

LIST = "/api/tickets/"
PROBLEM = "application/problem+json"
BODY = {**FIELDS, "starts_at": "2027-05-01T22:00:00+02:00", "price": "25.00"}
ALL = ("view", "add", "change", "cancel", "reinstate", "check_in", "undo_check_in")


def client_with(*permissions: str, scopes: Sequence[str] = ()) -> APIClient:
    """Return a client with the token of a new user who has these permissions."""
    user = User.objects.create_user(f"user-{uuid4()}")
    permit(user, *permissions)
    token = Token.issue(user=user, name="of a test", scopes=scopes)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {token.text}")
    return client


def client_with_all() -> APIClient:
    """Return a client that may do all to tickets."""
    return client_with(*(f"{action}_ticket" for action in ALL))
