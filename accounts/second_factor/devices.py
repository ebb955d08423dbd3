"""A second factor for the log-in: codes of an authenticator app (TOTP), and backup codes, each good once."""

import io
from typing import Any

import segno
from django.db import transaction
from django.utils.safestring import SafeString, mark_safe
from django_otp import devices_for_user, user_has_device, verify_token
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts import security_log

BACKUP_CODES = 10
APP = "app"
BACKUP = "backup codes"


def has_second_factor(user: Any) -> bool:
    return bool(user_has_device(user))


def verified_device(user: Any, code: str) -> Any | None:
    """Return the device that the code belongs to, or None; a device waits longer after each wrong code."""
    kind = TOTPDevice if code.isdecimal() else StaticDevice
    for device in devices_for_user(user):
        if isinstance(device, kind) and (verified := verify_token(user, device.persistent_id, code.lower())):
            return verified
    return None


def prepared(user: Any) -> TOTPDevice:
    """Return the device that the user is setting up, which counts only after `confirm`."""
    device, _ = TOTPDevice.objects.get_or_create(user=user, confirmed=False, defaults={"name": APP})
    return device


def confirm(user: Any, code: str) -> list[str]:
    """Turn the second factor on if the code is right; return the backup codes, or nothing if the code is wrong."""
    device = prepared(user)
    if not verify_token(user, device.persistent_id, code):
        return []
    with transaction.atomic():
        TOTPDevice.objects.filter(id=device.id).update(confirmed=True)
        backup = StaticDevice.objects.create(user=user, name=BACKUP)
        codes = [StaticToken.random_token() for _ in range(BACKUP_CODES)]
        StaticToken.objects.bulk_create(StaticToken(device=backup, token=code) for code in codes)
    security_log.write("second_factor_on", of=user.get_username())
    return codes


def remove(user: Any) -> None:
    for device in devices_for_user(user, confirmed=None):
        device.delete()
    security_log.write("second_factor_off", of=user.get_username())


def qr_code(device: TOTPDevice) -> SafeString:
    """Return an image for the app's camera, as SVG without a style."""
    image = io.BytesIO()
    segno.make(device.config_url).save(image, kind="svg", scale=5, xmldecl=False, svgclass=None, lineclass=None)
    return mark_safe(image.getvalue().decode())  # noqa: S308 (made here, of a text that is drawn)
