"""The URLs of the pages that change a ticket, and of its live news."""

from django.urls import path

from config.box_office.live import live_ticket
from config.box_office.views import page_of
from tickets.changes.changes import CHANGES

urlpatterns = [
    *(path(f"tickets/<uuid:ticket_id>/{each.path}/", page_of(each), name=f"{each.name}_ticket") for each in CHANGES),
    path("tickets/<uuid:ticket_id>/live/", live_ticket, name="live_ticket"),
]
