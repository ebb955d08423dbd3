"""Give users permissions by few statements: most tests of a page or a call begin with a user who may do something."""

from django.contrib.auth.models import Permission, User


def permit(user: User, *codenames: str) -> None:
    """Give a new user these permissions; nothing says so to the security log, as `user_permissions.set` would."""
    rights = User.user_permissions.through
    found = Permission.objects.filter(codename__in=codenames).order_by().values_list("id", flat=True)
    rights.objects.bulk_create([rights(user_id=user.id, permission_id=permission) for permission in found])
