"""The URLs of the web pages."""

from django.urls import path

from readmodel.tickets.pages.views import freshness, search_page, suggestions, ticket_page, venues

urlpatterns = [
    path("", search_page, name="search"),
    path("tickets/<uuid:ticket_id>/", ticket_page, name="ticket"),
    path("suggestions/", suggestions, name="suggestions"),
    path("venues/", venues, name="venues"),
    path("freshness/", freshness, name="freshness"),
]
