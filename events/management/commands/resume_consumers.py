"""Resume the processes of consumer groups."""

from events.management.control import ControlCommand
from events.operations.control import GroupRequest


class Command(ControlCommand):
    help = "Resume the processes of paused consumer groups."
    request = GroupRequest.RESUME
    done = "consuming"
