"""The REST interface of the tickets, below /api/: list, show, issue, cancel and check in."""
