"""The read model: documents in Elasticsearch, projected from events, and the search in them."""
