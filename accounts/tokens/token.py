"""The table of API tokens."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import security_log
from accounts.tokens.scopes import BY_PERMISSION, SCOPES, unknown
from accounts.tokens.text import SHOWN_LENGTH, digest_of, new_text

USE_NOTED_EVERY = timedelta(minutes=1)


def validate_scopes(scopes: Any) -> None:
    if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
        raise ValidationError(_("Scopes are a list of names."))
    if names := unknown(scopes):
        unknown_ones = {"names": ", ".join(names), "known": ", ".join(SCOPES)}
        raise ValidationError(_("There is no scope %(names)s; the scopes are %(known)s."), params=unknown_ones)


class TokenQuerySet(models.QuerySet["Token"]):
    def revoke(self, reason: str) -> int:
        """End the tokens, and say so in the security log; return how many were not revoked before."""
        tokens = list(self.filter(revoked_at=None).select_related("user"))
        self.filter(id__in=[token.id for token in tokens]).update(revoked_at=timezone.now())
        for token in tokens:
            security_log.write("token_revoked", of=token.user.get_username(), token=token.id, reason=reason)
        return len(tokens)


class Token(models.Model):
    """A secret by which a program acts as its user. Only its hash is stored; a revoked one stays, as a record."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.CASCADE, related_name="api_tokens"
    )
    name = models.CharField(_("name"), max_length=100, help_text=_("What uses it, for example: turnstile 3."))
    digest = models.CharField(max_length=64, unique=True, editable=False)
    start = models.CharField(_("start"), max_length=SHOWN_LENGTH, editable=False)
    """The first characters of the text."""
    scopes = models.JSONField(
        _("scopes"),
        default=list,
        blank=True,
        validators=[validate_scopes],
        help_text=_("None: all that the user may do."),
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True, help_text=_("Empty: never."))
    last_used_at = models.DateTimeField(_("last used at"), null=True, editable=False)
    """Noted once a minute at most."""
    revoked_at = models.DateTimeField(_("revoked at"), null=True, editable=False)

    text = ""
    """The secret, of a token that was made just now; it is not stored."""

    objects = TokenQuerySet.as_manager()

    class Meta:
        db_table = "accounts_token"
        verbose_name = _("token")
        verbose_name_plural = _("tokens")
        ordering = ["-id"]

    def __str__(self) -> str:
        text = str(_("%(name)s of %(user)s (%(start)s…)"))
        return text % {"name": self.name, "user": self.user, "start": self.start}

    @classmethod
    def issue(cls, *, user: Any, name: str, scopes: Iterable[str] = (), expires_at: datetime | None = None) -> "Token":
        """Make and store a token, whose text can't be had later. Raise ValidationError."""
        token = cls(user=user, name=name, scopes=sorted(set(scopes)), expires_at=expires_at)
        token.store()
        return token

    def clean(self) -> None:
        """Refuse an end that has passed: such a token would never be accepted."""
        if self.expires_at and self.expires_at <= timezone.now():
            raise ValidationError({"expires_at": _("This has passed already; name a time in the future.")})

    def store(self) -> None:
        """Store a new token under a new text. Raise ValidationError."""
        self.text = new_text()
        self.digest, self.start = digest_of(self.text), self.text[:SHOWN_LENGTH]
        self.full_clean()
        self.save(force_insert=True)
        scopes = ",".join(self.scopes)
        security_log.write("token_made", of=self.user.get_username(), token=self.id, scopes=scopes)

    def refusal(self) -> str:
        """Return why the token is not accepted now; empty if it is."""
        if self.revoked_at:
            return "revoked"
        if self.expires_at and self.expires_at <= timezone.now():
            return "expired"
        return "" if self.user.is_active else "user inactive"

    def permits(self, permission: str, scope: str = "") -> bool:
        """Tell whether the scopes include a call that needs the permission; `scope` names the call's own scope."""
        return not self.scopes or (scope or BY_PERMISSION.get(permission)) in self.scopes

    def note_use(self) -> None:
        """Store that the token was used, once a minute at most."""
        now = timezone.now()
        if self.last_used_at and now - self.last_used_at < USE_NOTED_EVERY:
            return
        rows = Token.objects.filter(id=self.id)
        rows.filter(Q(last_used_at=None) | Q(last_used_at__lt=now - USE_NOTED_EVERY)).update(last_used_at=now)
