"""Users and groups in the admin.

Nobody gives rights that they lack: only a superuser changes rights, or a user who may do more than oneself. Users are
deactivated, not deleted, since trails name them.
"""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts.admin.rights import GroupFilter, RightsField, in_words
from accounts.second_factor.devices import remove

if TYPE_CHECKING:
    DjangoUserAdmin = auth_admin.UserAdmin[User]
else:
    DjangoUserAdmin = auth_admin.UserAdmin

# The library's pages of devices would show their secrets.
admin.site.unregister([User, Group, StaticDevice, TOTPDevice])


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_filter = ["is_staff", "is_superuser", "is_active", ("groups", GroupFilter)]
    filter_horizontal = []
    readonly_fields = ["last_login", "date_joined"]
    actions = ["remove_second_factor"]

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        return super().formfield_for_manytomany(db_field, request, **kwargs | to_tick())

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[Any]:
        fields = list(super().get_readonly_fields(request, obj))
        return fields if request.user.is_superuser else [*fields, "is_superuser", "groups", "user_permissions"]

    @admin.action(description=gettext_lazy("Remove the second factor of selected users"), permissions=["give_rights"])
    def remove_second_factor(self, request: HttpRequest, users: QuerySet[User]) -> None:
        for user in users:
            remove(user)
        self.message_user(request, _("without a second factor: %(number)s") % {"number": users.count()})

    def has_give_rights_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Refuse to change, or to give a new password to, a user who may do more."""
        return super().has_change_permission(request, obj) and (obj is None or not may_do_more(obj, request))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:  # noqa: ARG002
        return False


@admin.register(Group)
class GroupAdmin(auth_admin.GroupAdmin):
    list_display = ["shown_name"]
    filter_horizontal = []

    @admin.display(description=gettext_lazy("name"), ordering="name")
    def shown_name(self, group: Group) -> str:
        return in_words(group)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any) -> Any:
        return super().formfield_for_manytomany(db_field, request, **kwargs | to_tick())

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:  # noqa: ARG002
        return request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:  # noqa: ARG002
        return request.user.is_superuser


def to_tick() -> dict[str, Any]:
    """Show rights as a list to tick: Django's own pair of lists can't be read aloud."""
    return {"form_class": RightsField, "widget": UnfoldAdminCheckboxSelectMultipleWidget(), "help_text": ""}


def may_do_more(user: User, request: HttpRequest) -> bool:
    """Tell whether the user may do something that the request's may not, or could if the user were active."""
    if request.user.is_superuser:
        return False
    permissions = Permission.objects.filter(Q(user=user) | Q(group__user=user)).select_related("content_type")
    names = {f"{permission.content_type.app_label}.{permission.codename}" for permission in permissions}
    return user.is_superuser or not names <= request.user.get_all_permissions()
