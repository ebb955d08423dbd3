"""The search's address, below /api/."""

from django.urls import path

from readmodel.views import TicketSearch

urlpatterns = [path("search/tickets/", TicketSearch.as_view(), name="search-tickets")]
