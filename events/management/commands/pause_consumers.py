"""Pause the processes of consumer groups."""

from events.management.control import ControlCommand
from events.operations.control import GroupRequest


class Command(ControlCommand):
    help = (
        "Let the processes of consumer groups handle nothing until they are resumed, also those that start meanwhile. "
        "Each finishes the batch in hand, and looks every second."
    )
    request = GroupRequest.PAUSE
    done = "paused"
