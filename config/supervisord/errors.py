"""Name the failure that keeps programs from starting on this machine."""


class CannotStart(Exception):
    """Something can't start here. The message says what, and what to do about it."""
