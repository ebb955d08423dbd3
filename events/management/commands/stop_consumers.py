"""Stop the processes of consumer groups."""

from events.management.control import ControlCommand
from events.operations.control import GroupRequest


class Command(ControlCommand):
    help = (
        "End the processes of consumer groups that run now, after the batch in hand, with exit code 0: the supervisor "
        "starts fresh ones, of the release that is installed then."
    )
    request = GroupRequest.STOP
    done = "gone"
