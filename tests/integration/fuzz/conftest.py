"""Fixtures of the fuzz tests."""

from tests.integration.readmodel.conftest import shelf, ticket_index

__all__ = ["shelf", "ticket_index"]
