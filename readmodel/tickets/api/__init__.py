"""Search the tickets over REST."""
