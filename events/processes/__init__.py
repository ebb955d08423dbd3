"""What long-running processes share: shutdown, limits, pauses between attempts, throttled logs. Knows no events."""
