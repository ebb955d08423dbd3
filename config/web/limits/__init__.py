"""Bound what clients take of a process: bodies, requests at once, requests a minute, and time to read an answer."""
