"""A consumer process whose ordered subscriber refuses what is broken."""

import os
import sys
from pathlib import Path

import django
from django.apps import apps

if not apps.ready:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()

from django.conf import settings
from django.core.management import call_command

from events.envelope import Envelope
from events.event import Event
from events.exceptions import Unprocessable
from events.subscriber import EventSubscriber
from tests.things import ThingEvent

COMMAND = ("-c", "from tests.picky_consumer import consume; consume()")
"""What Python runs; the file to write to follows."""


class Picky(EventSubscriber):
    """Writes down what it handles, position and note, a line for each."""

    ordered = True
    journal = Path()

    def handle_event(self, event: Event, envelope: Envelope) -> None:
        assert isinstance(event, ThingEvent)
        if event.note == "broken":
            raise Unprocessable("it is broken")
        with self.journal.open("a") as lines:
            lines.write(f"{envelope.position} {event.note}\n")


def consume() -> None:
    Picky.journal = Path(sys.argv[1])
    settings.EVENTS_SUBSCRIBERS = {"things": f"{__name__}.Picky"}
    call_command("consume_events", "things", consumer="picky")
