"""What Elasticsearch is told about the documents: their fields, and the settings of an index of them."""

from typing import Any

KEYWORD = {"type": "keyword"}
TEXT = {"type": "text"}
# A longer text is searched for its words alone: Elasticsearch takes no term beyond 32,766 bytes.
TEXT_AND_KEYWORD = {"type": "text", "fields": {"exact": {"type": "keyword", "ignore_above": 8_191}}}
# The beginnings of words are terms of their own, so that suggestions come while somebody types.
BEGINNINGS = {"type": "text", "index_prefixes": {"min_chars": 1, "max_chars": 10}}
DATE = {"type": "date"}

# Strict: an event may not change the schema. A test compares the names with TicketDocument's.
MAPPINGS: dict[str, Any] = {
    "dynamic": "strict",
    "properties": {
        "id": KEYWORD,
        "code": {"type": "text", "fields": {"exact": KEYWORD}},
        "title": TEXT_AND_KEYWORD,
        "venue": TEXT_AND_KEYWORD,
        "starts_at": DATE,
        "seat": KEYWORD,
        "holder_name": TEXT_AND_KEYWORD,
        "holder_email": KEYWORD,
        "price": {"type": "double"},
        "currency": KEYWORD,
        "status": KEYWORD,
        "replaces": KEYWORD,
        "version": {"type": "long"},
        "created_at": DATE,
        "updated_at": DATE,
        "replaced_by": KEYWORD,
        "folded": TEXT,
        "folded_title": BEGINNINGS,
        "folded_venue": BEGINNINGS,
        "folded_holder_name": BEGINNINGS,
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
