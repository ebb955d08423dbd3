"""The URLs of the web pages."""

from django.urls import path

from readmodel.tickets.pages.views import freshness, search_page, ticket_page

urlpatterns = [
    path("", search_page, name="search"),
    path("tickets/<uuid:ticket_id>/", ticket_page, name="ticket"),
    path("freshness/", freshness, name="freshness"),
]
