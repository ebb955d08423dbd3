"""The web server: the feed, hostile clients, and other servers."""
