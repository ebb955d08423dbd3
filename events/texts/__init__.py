"""Text from anywhere: what a database can store of it, what a terminal can show, and how it may be spelled."""
