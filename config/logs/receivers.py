"""Write to the security log who changed a receiver of webhooks, by the admin or a command."""

from typing import Any

from django.dispatch import receiver as connect

from accounts import security_log
from tickets.access.control import receiver_changed
from tickets.models import Receiver


@connect(receiver_changed)
def _changed(receiver: Receiver, done: str, **_: Any) -> None:
    security_log.write(f"receiver_{done}", of=receiver.name, origin=receiver.origin)
