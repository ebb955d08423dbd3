"""Resume the processes of consumer groups."""

from events.management.control import ControlCommand
from events.operations.control import GroupRequest


class Command(ControlCommand):
    help = "Let the processes of paused consumer groups go on."
    request = GroupRequest.RESUME
    done = "consuming"
