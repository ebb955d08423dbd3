"""Tickets in the admin: issue, cancel and import them."""

from tickets.admin import tickets

__all__ = ["tickets"]
