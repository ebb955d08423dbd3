"""The web pages that search tickets and show a ticket."""
