"""The search's URLs, below /api/."""

from django.urls import path

from readmodel.tickets.api.views import TicketSearch, TicketSuggestions

urlpatterns = [
    path("search/tickets/", TicketSearch.as_view(), name="search-tickets"),
    path("search/tickets/suggestions/", TicketSuggestions.as_view(), name="suggest-tickets"),
]
