"""Search the tickets: what somebody typed in, a page of tickets out."""
