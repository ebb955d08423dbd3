"""Management commands, and what several of them share: arguments, dialogs, tables."""
