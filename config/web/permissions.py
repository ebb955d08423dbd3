"""Who may do what over REST: Django's model permissions, for reading too."""

from typing import Any

from rest_framework.permissions import DjangoModelPermissions
from rest_framework.request import Request


class ModelPermissions(DjangoModelPermissions):
    """Demand view, add, change or delete for the view's model, as the method needs.

    A view or an action that sets `required_permission` demands that one instead, and needs no model.
    """

    perms_map = DjangoModelPermissions.perms_map | {
        "GET": ["%(app_label)s.view_%(model_name)s"],
        "HEAD": ["%(app_label)s.view_%(model_name)s"],
    }

    def has_permission(self, request: Request, view: Any) -> bool:
        required: str = getattr(view, "required_permission", "")
        if required:
            return request.user.has_perm(required)
        return super().has_permission(request, view)
