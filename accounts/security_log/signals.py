"""Write to the security log what Django's signals say: log-ins, and changes of users, groups and permissions."""

import logging
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.contrib.contenttypes.models import ContentType
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from django.dispatch import receiver

from accounts import security_log

User = get_user_model()
WATCHED = ("username", "is_active", "is_staff", "is_superuser")


@receiver(user_logged_in)
def _logged_in(user: Any, **_: Any) -> None:
    security_log.write("log_in", by=user.get_username())


@receiver(user_logged_out)
def _logged_out(user: Any, **_: Any) -> None:
    if user:
        security_log.write("log_out", by=user.get_username())


@receiver(user_login_failed)
def _log_in_refused(credentials: Any, **_: Any) -> None:
    name = credentials.get("username") or credentials.get(User.USERNAME_FIELD) or ""
    is_known = User.objects.filter(**{User.USERNAME_FIELD: name}).exists()
    security_log.write("log_in_refused", level=logging.WARNING, by=name if is_known else "", account_exists=is_known)


@receiver(pre_save, sender=User)
def _user_changes(instance: Any, update_fields: Any, **_: Any) -> None:
    if not instance.pk or (update_fields is not None and not {*update_fields} & {*WATCHED}):
        return
    before = User.objects.filter(pk=instance.pk).values(*WATCHED).first() or {}
    changed = {name: getattr(instance, name) for name in before if before[name] != getattr(instance, name)}
    if changed:
        security_log.write("user_changed", of=before["username"], **changed)


@receiver(post_save, sender=User)
def _user_made(instance: Any, created: bool, **_: Any) -> None:  # noqa: FBT001 (the signal's)
    if created:
        flags = {name: True for name in ("is_staff", "is_superuser") if getattr(instance, name)}
        security_log.write("user_made", of=instance.get_username(), **flags)


@receiver(post_delete, sender=User)
@receiver(post_delete, sender=Group)
def _deleted(sender: Any, instance: Any, **_: Any) -> None:
    security_log.write(f"{sender._meta.model_name}_deleted", of=str(instance))


@receiver(m2m_changed, sender=User.groups.through)
@receiver(m2m_changed, sender=User.user_permissions.through)
@receiver(m2m_changed, sender=Group.permissions.through)
def _rights_changed(instance: Any, action: str, model: Any, pk_set: Any, **_: Any) -> None:
    """Say which permissions and groups a user or group got or lost, or which users a group."""
    done = {"post_add": "rights_given", "post_remove": "rights_taken", "pre_clear": "rights_cleared"}.get(action)
    if done and (pk_set or pk_set is None):
        names = [_name_of(each) for each in model.objects.filter(pk__in=pk_set or ())]
        of = f"{instance._meta.model_name} {_name_of(instance)}"
        security_log.write(done, of=of, what=model._meta.model_name, names=",".join(sorted(names)))


def _name_of(row: Any) -> str:
    if isinstance(row, Permission):
        return f"{ContentType.objects.get_for_id(row.content_type_id).app_label}.{row.codename}"
    return str(row)
