"""Serve the figures that Prometheus asks for at /metrics."""
