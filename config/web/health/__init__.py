"""Liveness and readiness: what works is found out in the background, so that a hung server costs little."""
