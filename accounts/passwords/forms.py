"""The forms that ask for a password: to change it, or to do what a stolen session must not be enough for."""

from typing import Any

from django import forms
from django.contrib.auth.forms import PasswordChangeForm as DjangoPasswordChangeForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.exceptions import TooBusy
from accounts.throttling.attempts import attempt_of

WRONG_PASSWORD = _("Your password is not right. Enter it again.")


class PasswordChangeForm(DjangoPasswordChangeForm):
    """Django's form, which limits guesses of the old password."""

    def clean_old_password(self) -> str:
        return _right_password(self.cleaned_data["old_password"], self.user)


class PasswordForm(forms.Form):
    """The user's own password once more."""

    password = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )

    def __init__(self, user: Any, data: Any) -> None:
        super().__init__(data)
        self._user = user

    def clean_password(self) -> str:
        return _right_password(self.cleaned_data["password"], self._user)


def _right_password(password: str, user: Any) -> str:
    """Return the password; raise ValidationError if it is wrong, LockedOut, or TooBusy, which is not counted."""
    attempt = attempt_of(user)
    try:
        is_right = user.check_password(password)
    except TooBusy:
        attempt.was_not_made()
        raise
    if not is_right:
        raise ValidationError(WRONG_PASSWORD)
    attempt.was_right()
    return password
