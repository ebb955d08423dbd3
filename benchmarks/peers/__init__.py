"""Other packages, and what writing into Elasticsearch by hand costs, beside ours."""
