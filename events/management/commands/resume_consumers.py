"""Resume the processes of consumer groups."""

from events.control import Wish
from events.management.control import ControlCommand


class Command(ControlCommand):
    help = "Let the processes of paused consumer groups go on."
    wish = Wish.RESUME
    done = "consuming"
