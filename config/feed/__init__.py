"""Serve the events over HTTP, for consumers in other languages: page by page, or as server-sent events."""
