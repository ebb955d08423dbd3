"""Users, groups and tokens in the admin.

Nobody gives rights that they lack: only a superuser changes rights, or a user who may do more than oneself. A person
sees, makes and revokes their own tokens, a superuser everybody's. Users are deactivated, not deleted, since trails name
them.
"""

from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts import second_factor
from accounts.models import Token, TokenQuerySet
from accounts.scopes import SCOPES

if TYPE_CHECKING:
    TokenModelAdmin = admin.ModelAdmin[Token]
    TokenModelForm = forms.ModelForm[Token]
    DjangoUserAdmin = auth_admin.UserAdmin[User]
else:
    TokenModelAdmin, TokenModelForm, DjangoUserAdmin = admin.ModelAdmin, forms.ModelForm, auth_admin.UserAdmin


class TokenForm(TokenModelForm):
    scopes = forms.MultipleChoiceField(
        choices=[(scope, f"{scope}: {meaning}") for scope, meaning in SCOPES.items()],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text="Without one, the token may do all that its user may.",
    )

    class Meta:
        model = Token
        fields = ["user", "name", "scopes", "expires_at"]


# The library's pages of devices would show their secrets.
admin.site.unregister([User, Group, StaticDevice, TOTPDevice])


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    actions = ["remove_second_factor"]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[Any]:
        fields = list(super().get_readonly_fields(request, obj))
        return fields if request.user.is_superuser else [*fields, "is_superuser", "groups", "user_permissions"]

    @admin.action(description="Remove the second factor of selected users", permissions=["give_rights"])
    def remove_second_factor(self, request: HttpRequest, users: QuerySet[User]) -> None:
        for user in users:
            second_factor.remove(user)
        self.message_user(request, f"without a second factor: {users.count()}")

    def has_give_rights_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Refuse to change, or to give a new password to, a user who may do more."""
        return super().has_change_permission(request, obj) and (obj is None or not may_do_more(obj, request))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:  # noqa: ARG002
        return False


@admin.register(Group)
class GroupAdmin(auth_admin.GroupAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:  # noqa: ARG002
        return request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:  # noqa: ARG002
        return request.user.is_superuser


def may_do_more(user: User, request: HttpRequest) -> bool:
    """Tell whether the user may do something that the request's may not, or could if the user were active."""
    if request.user.is_superuser:
        return False
    permissions = Permission.objects.filter(Q(user=user) | Q(group__user=user)).select_related("content_type")
    names = {f"{permission.content_type.app_label}.{permission.codename}" for permission in permissions}
    return user.is_superuser or not names <= request.user.get_all_permissions()


@admin.register(Token)
class TokenAdmin(TokenModelAdmin):
    form = TokenForm
    list_display = ["name", "user", "start", "shown_scopes", "created_at", "expires_at", "last_used_at", "revoked_at"]
    list_select_related = ["user"]
    search_fields = ["name", "=user__username"]
    actions = ["revoke_selected"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Token]:
        tokens = super().get_queryset(request)
        return tokens if request.user.is_superuser else tokens.filter(user_id=_id_of(request))

    def get_fields(self, request: HttpRequest, obj: Token | None = None) -> list[Any]:
        if obj:
            return list(self.list_display)
        return (
            ["user", "name", "scopes", "expires_at"] if request.user.is_superuser else ["name", "scopes", "expires_at"]
        )

    def has_change_permission(self, request: HttpRequest, obj: Token | None = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Token | None = None) -> bool:  # noqa: ARG002
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_token")

    def save_model(self, request: HttpRequest, obj: Token, form: Any, change: bool) -> None:  # noqa: ARG002, FBT001
        if not request.user.is_superuser:
            obj.user_id = _id_of(request)
        obj.store()

    def response_add(self, request: HttpRequest, obj: Token, post_url_continue: str | None = None) -> HttpResponse:  # noqa: ARG002
        """Show the token, this once."""
        site = self.admin_site.each_context(request)
        context = {**site, "title": "Copy the token now", "opts": self.opts, "token": obj}
        return TemplateResponse(request, "admin/accounts/token/made.html", context)

    @admin.action(description="Revoke selected tokens", permissions=["revoke"])
    def revoke_selected(self, request: HttpRequest, tokens: TokenQuerySet) -> None:
        self.message_user(request, f"revoked: {tokens.revoke('admin')}")

    @admin.display(description="scopes")
    def shown_scopes(self, token: Token) -> str:
        return ", ".join(token.scopes) or "all that the user may do"


def _id_of(request: HttpRequest) -> int:
    return cast("int", request.user.pk)
