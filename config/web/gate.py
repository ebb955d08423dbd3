"""The page by which a phone lets people in; its scripts keep it going while there is no network."""

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.csp import CSP
from django.utils.translation import gettext as _
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_safe

from readmodel.tickets.pages.decorators import page
from tickets.models import Ticket

POLICY = settings.SECURE_CSP | {"worker-src": [CSP.SELF]}
WORKER = Path(__file__).parents[1] / "static/config/gate/worker.js"
A_DAY = timedelta(days=1)
MOST_VENUES = 200


@csp_override(POLICY)
@partial(page, permission="tickets.check_in_ticket")
def gate_page(request: HttpRequest) -> HttpResponse:
    """Show the page; the camera is allowed here alone."""
    context = {
        "venues": _venues(),
        "may_undo": request.user.has_perm("tickets.undo_check_in_ticket"),
        "texts": _texts(),
    }
    response = render(request, "config/gate.html", context)
    response["Permissions-Policy"] = "camera=(self)"
    return response


@transaction.non_atomic_requests
@require_safe
def worker(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 (Django's signature)
    """Answer the script that keeps the page; it may do so for addresses beside it, below /gate/, alone."""
    return HttpResponse(WORKER.read_bytes(), content_type="text/javascript")


def _venues() -> list[str]:
    """Return the venues at which something starts around today."""
    now = timezone.now()
    soon = Ticket.objects.filter(starts_at__range=(now - A_DAY, now + 2 * A_DAY))
    return list(soon.order_by("venue").values_list("venue", flat=True).distinct()[:MOST_VENUES])


def _texts() -> dict[str, Any]:
    """Return what the scripts say; they put values into the braces."""
    return {
        "admitted": _("Let in"),
        "admittedLater": _("Without a network: it is sent later."),
        "used": _("Already used"),
        "usedAt": _("At {time}, {device}."),
        "usedSomewhere": _("another device"),
        "canceled": _("Canceled"),
        "canceledSince": _("At {time}."),
        "unlisted": _("Not on the list"),
        "unlistedWhy": _("No ticket of this venue and day has this code."),
        "foreign": _("Not a genuine ticket"),
        "foreignWhy": _("This QR code was not made by this service."),
        "unreadable": _("This is no code"),
        "unknown": _("Can’t be checked"),
        "unknownWhy": _("There is no network, and no list on this device."),
        "undone": _("Check-in undone"),
        "notUndone": _("The check-in could not be undone."),
        "online": _("Online"),
        "offline": _("Offline"),
        "loggedOut": _("Logged out: log in again to send what is waiting."),
        "list": _("{count} codes, as of {time}"),
        "noList": _("No list yet"),
        "waiting": _("{count} waiting to be sent"),
        "conflict": _("{code}: let in at {time}, but: {reason}"),
        "noCamera": _("There is no camera, or its use was not allowed."),
        "scan": _("Scan"),
        "stop": _("Stop scanning"),
    }
