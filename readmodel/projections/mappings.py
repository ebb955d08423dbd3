"""What Elasticsearch is told about the documents: their fields, and the settings of an index of them."""

from typing import Any

# Each term costs the consumer time: a text is searched for its words in its folded form alone.
TEXT = {"type": "text"}
# A longer one is in no facet and no suggestion: Elasticsearch takes no term beyond 32,766 bytes.
KEYWORD = {"type": "keyword", "ignore_above": 8_191}
DATE = {"type": "date"}
# Shown with a ticket, and never asked for.
SHOWN = {"type": "keyword", "index": False, "doc_values": False}

# Strict: an event may not change the schema. A test compares the names with TicketDocument's.
MAPPINGS: dict[str, Any] = {
    "dynamic": "strict",
    "properties": {
        "id": KEYWORD,
        "code": KEYWORD,
        "title": KEYWORD,
        "venue": KEYWORD,
        "starts_at": DATE,
        "seat": SHOWN,
        "holder_name": KEYWORD,
        "holder_email": SHOWN,
        "price": {"type": "double"},
        "currency": KEYWORD,
        "status": KEYWORD,
        "replaces": KEYWORD,
        "version": {"type": "long"},
        "created_at": DATE,
        "updated_at": SHOWN,
        "replaced_by": KEYWORD,
        "folded_code": TEXT,
        "folded_title": TEXT,
        "folded_venue": TEXT,
        "folded_holder_name": TEXT,
    },
}

TIMELINE_MAPPINGS: dict[str, Any] = {
    "dynamic": "strict",
    "properties": {
        "event": KEYWORD,
        "type": KEYWORD,
        "ticket": KEYWORD,
        "version": {"type": "long"},
        "time": DATE,
        "actor": KEYWORD,
        "correlation_id": KEYWORD,
        "status": KEYWORD,
        "replaces": KEYWORD,
        "replaced_by": KEYWORD,
    },
}

# The interval is said although it is the default: unsaid, an index that nobody searches for 30 s stops refreshing.
# A deleted document's version is forgotten at once: one that was deleted by hand can be written again.
SETTINGS: dict[str, Any] = {
    "index": {"number_of_shards": 1, "auto_expand_replicas": "0-1", "refresh_interval": "1s", "gc_deletes": "0s"},
}
