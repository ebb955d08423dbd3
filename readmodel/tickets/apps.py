from django.apps import AppConfig


class TicketSearchConfig(AppConfig):
    name = "readmodel.tickets"
    label = "readmodel_tickets"
