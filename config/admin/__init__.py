"""The admin as a whole: its site, its theme and its navigation."""
