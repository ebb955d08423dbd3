"""Send a request with an idempotency key in a process that is killed as soon as the key is kept, or committed.

python -m tests.faults.killed_request kept|committed ADDRESS TOKEN KEY
"""

import os
import signal
import sys
from typing import Any

import django

if __name__ == "__main__":
    django.setup()

    from django.db import transaction
    from django.db.models.signals import post_save
    from django.test import Client

    from tickets.models import KeptAnswer

    moment, address, token, key = sys.argv[1:]

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def on_kept(**_: Any) -> None:
        if moment == "kept":
            die()
        transaction.on_commit(die)

    post_save.connect(on_kept, sender=KeptAnswer)
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key, "Host": "localhost"}
    Client().post(address, content_type="application/json", headers=headers, secure=True)
