"""The form that asks for a code."""

import logging
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts import security_log
from accounts.second_factor.devices import verified_device
from accounts.throttling.attempts import attempt_of

WRONG_CODE = _("This code is not right, or was used already. Wait for the next one, and check your device's clock.")


class CodeForm(forms.Form):
    """A code of an authenticator app, or a backup code."""

    code = forms.CharField(
        label=_("Code"),
        max_length=16,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "autofocus": True, "spellcheck": "false"}),
        error_messages={"required": _("Enter the code.")},
    )

    def clean_code(self) -> str:
        return "".join(self.cleaned_data["code"].split())

    def device_of(self, user: Any) -> Any | None:
        """Return the user's device that the code belongs to, or None and an error in the form. Raise LockedOut."""
        attempt = attempt_of(user)
        device = verified_device(user, self.cleaned_data["code"])
        if device:
            attempt.was_right()
        else:
            security_log.write("code_refused", level=logging.WARNING, of=user.get_username())
            self.add_error("code", WRONG_CODE)
        return device
