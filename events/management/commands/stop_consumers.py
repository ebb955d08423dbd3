"""Stop the processes of consumer groups."""

from events.management.control import ControlCommand
from events.operations.control import GroupRequest


class Command(ControlCommand):
    help = (
        "End the running processes of consumer groups after their current batch, with exit code 0: the supervisor "
        "starts fresh ones, of the release that is installed by then."
    )
    request = GroupRequest.STOP
    done = "gone"
