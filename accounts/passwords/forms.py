"""The form that changes a password."""

from django.contrib.auth.forms import PasswordChangeForm as DjangoPasswordChangeForm

from accounts.throttling.attempts import BY_SESSION, Attempt, Counter


class PasswordChangeForm(DjangoPasswordChangeForm):
    """Django's form, which limits guesses of the old password: a stolen session must not be enough."""

    def clean_old_password(self) -> str:
        attempt = Attempt(Counter(BY_SESSION, (str(self.user.pk),)))
        old_password: str = super().clean_old_password()
        attempt.was_right()
        return old_password
