"""Pause the processes of consumer groups."""

from events.management.control import ControlCommand
from events.operations.control import GroupRequest


class Command(ControlCommand):
    help = (
        "Pause the processes of consumer groups until they are resumed, also processes that start meanwhile. Each "
        "notices it within a second, and finishes its current batch."
    )
    request = GroupRequest.PAUSE
    done = "paused"
