"""API tokens in the admin: a person sees, makes and revokes their own, a superuser everybody's."""

from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.tokens.scopes import SCOPES
from accounts.tokens.token import Token, TokenQuerySet

if TYPE_CHECKING:
    TokenModelAdmin = admin.ModelAdmin[Token]
    TokenModelForm = forms.ModelForm[Token]
else:
    TokenModelAdmin, TokenModelForm = admin.ModelAdmin, forms.ModelForm


class TokenForm(TokenModelForm):
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("Scopes"),
        choices=lambda: [(scope, f"{scope}: {meaning}") for scope, meaning in SCOPES.items()],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text=gettext_lazy("Without one, the token may do all that its user may."),
    )

    class Meta:
        model = Token
        fields = ["user", "name", "scopes", "expires_at"]


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
        context = {**site, "title": _("Copy the token now"), "opts": self.opts, "token": obj}
        return TemplateResponse(request, "admin/accounts/token/made.html", context)

    @admin.action(description=gettext_lazy("Revoke selected tokens"), permissions=["revoke"])
    def revoke_selected(self, request: HttpRequest, tokens: TokenQuerySet) -> None:
        self.message_user(request, _("revoked: %(number)s") % {"number": tokens.revoke("admin")})

    @admin.display(description=gettext_lazy("scopes"))
    def shown_scopes(self, token: Token) -> str:
        return ", ".join(token.scopes) or _("all that the user may do")


def _id_of(request: HttpRequest) -> int:
    return cast("int", request.user.pk)
