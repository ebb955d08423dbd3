"""Map the URLs of the tickets' REST interface, below /api/, to views."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from tickets.api.gate.check_ins import CheckIns
from tickets.api.views import TicketViewSet

router = SimpleRouter()
router.register("tickets", TicketViewSet, basename="ticket")
urlpatterns = [*router.urls, path("check-ins/", CheckIns.as_view())]
