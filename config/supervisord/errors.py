"""What keeps the service from starting on this machine."""


class CannotStart(Exception):
    """Something can't start here; the message says what, and what to do about it."""
