"""The search: how soon, how consistently, how fast, and how it is rebuilt and proved."""
