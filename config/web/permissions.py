"""Check Django's model permissions over REST, for reading too."""

from typing import Any

from rest_framework.permissions import DjangoModelPermissions
from rest_framework.request import Request


class ModelPermissions(DjangoModelPermissions):
    """Require the permission to view, add, change or delete the view's model, depending on the HTTP method.

    A view or an action that sets `required_permission` requires that permission instead, and needs no model.
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
