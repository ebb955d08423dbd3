"""Tools of long-running processes: shutdown, limits, back-off, throttled logs. They know nothing of events."""
