"""Searches that must not be older than a write: wait for its documents, and refresh once for all who wait."""
