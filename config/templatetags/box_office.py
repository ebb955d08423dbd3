"""A template tag that offers the changes of a ticket."""

from django.template import Context, Library

from tickets.changes.changes import Change, changes_offered

register = Library()


@register.simple_tag(takes_context=True)
def offered_changes(context: Context, status: str) -> list[Change]:
    """Return what the person of the request may do with a ticket in this status."""
    return changes_offered(context["request"].user, status)
