"""Map the URLs of the tickets' REST interface, below /api/, to views."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from tickets.api.gate.check_ins import CheckIns, LateCheckIns
from tickets.api.gate.codes import Codes
from tickets.api.jobs.views import JobViewSet, TicketBulk
from tickets.api.printed import TicketPage, TicketQRCode
from tickets.api.views import TicketViewSet

router = SimpleRouter()
router.register("tickets", TicketViewSet, basename="ticket")
router.register("jobs", JobViewSet, basename="job")
urlpatterns = [
    path("tickets/bulk/", TicketBulk.as_view(), name="tickets-bulk"),
    *router.urls,
    path("tickets/<uuid:pk>/ticket.pdf", TicketPage.as_view(), name="ticket-pdf"),
    path("tickets/<uuid:pk>/ticket.png", TicketQRCode.as_view(), name="ticket-png"),
    path("check-ins/", CheckIns.as_view(), name="check-ins"),
    path("gate/check-ins/", LateCheckIns.as_view(), name="gate-check-ins"),
    path("gate/codes/", Codes.as_view(), name="gate-codes"),
]
