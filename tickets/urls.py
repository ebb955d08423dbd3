"""The tickets' part of the REST interface, below /api/."""

from rest_framework.routers import SimpleRouter

from tickets.views import TicketViewSet

router = SimpleRouter()
router.register("tickets", TicketViewSet, basename="ticket")
urlpatterns = router.urls
