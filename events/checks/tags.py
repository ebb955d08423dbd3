"""The tags of the system checks, by which a process runs those that it needs."""

TAG = "events"
"""The checks that every process of the events runs."""
SETTINGS_TAG = "settings"
"""The checks of settings that ask no server and load no code: a project can run them before every command."""
CODE_TAG = "events_code"
"""The checks that only processes run that handle events: they import all event classes and subscribers."""
