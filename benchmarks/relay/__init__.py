"""Giving positions and appending to the stream, up to a large log."""
