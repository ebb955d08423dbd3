"""Tickets in the admin: issue, change and import them; the jobs that change many."""

from tickets.admin import jobs, tickets

__all__ = ["jobs", "tickets"]
