"""The URLs of the pages that change a ticket, and of its live news."""

from django.urls import path

from config.box_office.live import live_ticket
from config.box_office.views import page_of

urlpatterns = [
    path("tickets/<uuid:ticket_id>/check-in/", page_of("check_in"), name="check_in_ticket"),
    path("tickets/<uuid:ticket_id>/undo-check-in/", page_of("undo_check_in"), name="undo_check_in_ticket"),
    path("tickets/<uuid:ticket_id>/correct/", page_of("correct"), name="correct_ticket"),
    path("tickets/<uuid:ticket_id>/cancel/", page_of("cancel"), name="cancel_ticket"),
    path("tickets/<uuid:ticket_id>/reinstate/", page_of("reinstate"), name="reinstate_ticket"),
    path("tickets/<uuid:ticket_id>/live/", live_ticket, name="live_ticket"),
]
