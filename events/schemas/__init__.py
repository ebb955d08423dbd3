"""The event classes as data: JSON Schemas, whether a change is compatible, who records and who handles each."""
