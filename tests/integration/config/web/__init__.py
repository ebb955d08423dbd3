"""Tests of what the web processes answer, with real servers."""
