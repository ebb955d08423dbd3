"""Tickets in the admin: issue, change and import them; the jobs that change many; the receivers of webhooks."""

from tickets.admin import jobs, receivers, tickets

__all__ = ["jobs", "receivers", "tickets"]
