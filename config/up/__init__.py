"""Everything on this machine, for `manage.py up`."""
