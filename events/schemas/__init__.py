"""The event classes as data: JSON Schemas, the compatibility of changes, and who records and handles each event."""
