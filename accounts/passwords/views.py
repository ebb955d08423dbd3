"""The pages on which a person changes the password."""

from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse_lazy

from accounts.decorators import account_page
from accounts.passwords.forms import PasswordChangeForm

change_password = account_page(
    auth_views.PasswordChangeView.as_view(
        form_class=PasswordChangeForm,
        template_name="accounts/password.html",
        success_url=reverse_lazy("password_changed"),
    )
)


@account_page
@login_required
def password_changed(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/password_changed.html")
