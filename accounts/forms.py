"""The forms of a person's own account."""

from django import forms
from django.contrib.auth.forms import PasswordChangeForm as DjangoPasswordChangeForm

from accounts.attempts import BY_SESSION, Attempt, Counter


class PasswordChangeForm(DjangoPasswordChangeForm):
    """Django's form, which limits guesses of the old password: a stolen session must not be enough."""

    def clean_old_password(self) -> str:
        attempt = Attempt(Counter(BY_SESSION, (str(self.user.pk),)))
        old_password: str = super().clean_old_password()
        attempt.was_right()
        return old_password


class CodeForm(forms.Form):
    """A code of an authenticator app, or a backup code."""

    code = forms.CharField(
        max_length=16,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "autofocus": True, "spellcheck": "false"}),
        error_messages={"required": "Enter the code."},
    )

    def clean_code(self) -> str:
        return "".join(self.cleaned_data["code"].split())
