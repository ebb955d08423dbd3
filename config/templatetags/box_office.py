"""A template tag that offers the changes of a ticket."""

from django.template import Context, Library

from tickets.changes.changes import Change, changes_offered

register = Library()


@register.simple_tag(takes_context=True)
def offered_changes(context: Context, status: str) -> list[Change]:
    """Return what the page's person may do with a ticket in this status; a page without one offers nothing."""
    return changes_offered(context["user"], status) if "user" in context else []
