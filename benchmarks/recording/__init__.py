"""Measure the cost of recording events."""
