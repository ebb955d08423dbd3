"""Text from anywhere: what a database can store of it, and what a terminal can show."""
