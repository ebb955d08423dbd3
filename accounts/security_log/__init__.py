"""The security log: one line for each event that matters to who may do what.

lines.py    write a line
signals.py  write what Django's signals say
"""

from accounts.security_log.lines import address_of, known_user, lines_about, logger, user_of, write

__all__ = ["address_of", "known_user", "lines_about", "logger", "user_of", "write"]
