"""Actions that are offered in the list and on a row's own page; before Django 6.1, in the list only."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

HAS_ACTIONS_ON_A_PAGE = hasattr(admin, "ActionLocation")


def list_and_page_action[Action: Callable[..., Any]](
    *, on_the_page: Any, in_the_list: Any, permission: str
) -> Callable[[Action], Action]:
    """Describe an admin action for both places; its permission's check is `has_<permission>_permission`."""
    if not HAS_ACTIONS_ON_A_PAGE:
        return admin.action(description=in_the_list, permissions=[permission])
    return admin.action(
        description=on_the_page,
        description_plural=in_the_list,
        permissions=[permission],
        location=[admin.ActionLocation.CHANGE_LIST, admin.ActionLocation.CHANGE_FORM],
    )


def posted_actions(request: HttpRequest) -> list[str]:
    """Return the actions that a form of the list or of a row's page names."""
    fields = ["action"]
    if HAS_ACTIONS_ON_A_PAGE:
        fields.append(f"{admin.ActionLocation.CHANGE_FORM.value}-action")
    return [name for field in fields for name in request.POST.getlist(field)]
