"""Elasticsearch of three nodes under load: `python -m tests.faults.nodes` kills, stops and returns its nodes."""
