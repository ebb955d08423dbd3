"""Elasticsearch's types for the fields of the documents."""

# Only the folded texts are indexed by words, since each term costs the consumer time. readmodel/search/words.py has cut
# them already, in the same way for each Elasticsearch, whatever plugins it has.
TEXT = {"type": "text", "analyzer": "whitespace"}
# Elasticsearch refuses terms above 32,766 bytes, so longer texts are left out of facets and suggestions.
KEYWORD = {"type": "keyword", "ignore_above": 8_191}
DATE = {"type": "date"}
DAY = {"type": "date", "format": "strict_date"}
LONG = {"type": "long"}
# Shown with a ticket, but never searched.
SHOWN = {"type": "keyword", "index": False, "doc_values": False}
