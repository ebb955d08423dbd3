"""The parts of the command dead_letters: its arguments, its tables and its editing."""
