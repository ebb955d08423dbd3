"""Forget a person: redact tables, log, dead letters, stream and read models, and prove it. See docs/adr/0019."""
