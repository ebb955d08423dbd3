"""Run the whole service on this machine, for `manage.py up`; running.py puts the steps together."""
