"""Management commands, and the parts that several of them share: arguments, dialogs, tables."""
