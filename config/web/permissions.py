"""Check Django's model permissions over REST, for reading too."""

from typing import Any

from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import DjangoModelPermissions
from rest_framework.request import Request

from accounts.models import Token


class ModelPermissions(DjangoModelPermissions):
    """Require the permission to view, add, change or delete the view's model, depending on the HTTP method.

    A view or an action that sets `required_permission` requires that permission instead, and needs no model. A token
    with scopes needs the permission's scope too, or the one that the view names as `scope`.
    """

    perms_map = DjangoModelPermissions.perms_map | {
        "GET": ["%(app_label)s.view_%(model_name)s"],
        "HEAD": ["%(app_label)s.view_%(model_name)s"],
    }

    def has_permission(self, request: Request, view: Any) -> bool:
        if request.user.is_authenticated and not hasattr(view, str(request.method).lower()):
            raise MethodNotAllowed(str(request.method))  # Nobody may, so it is no question of permissions.
        required = self._required(request, view)
        if not (request.user.is_authenticated and request.user.has_perms(required)):
            return False
        token = request.auth
        scope = getattr(view, "scope", "")
        return not isinstance(token, Token) or all(token.permits(permission, scope) for permission in required)

    def _required(self, request: Request, view: Any) -> list[str]:
        if permission := getattr(view, "required_permission", ""):
            return [permission]
        return self.get_required_permissions(request.method or "", self._queryset(view).model)
