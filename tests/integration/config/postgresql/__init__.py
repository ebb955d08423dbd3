"""Tests of the database backend, on a real PostgreSQL."""
