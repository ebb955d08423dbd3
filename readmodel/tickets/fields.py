"""Elasticsearch's types of the fields that the documents of this service have."""

# Each term costs the consumer time: a text is searched for its words in its folded form alone.
TEXT = {"type": "text"}
# A longer one is in no facet and no suggestion: Elasticsearch takes no term beyond 32,766 bytes.
KEYWORD = {"type": "keyword", "ignore_above": 8_191}
DATE = {"type": "date"}
LONG = {"type": "long"}
# Shown with a ticket, and never asked for.
SHOWN = {"type": "keyword", "index": False, "doc_values": False}
