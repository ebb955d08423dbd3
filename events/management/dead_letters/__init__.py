"""The parts of the command dead_letters: arguments, tables, and the editing dialog."""
