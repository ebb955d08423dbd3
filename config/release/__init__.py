"""Say what has to be done before the code of another release may start beside what runs.

In:   the new code and its settings; the database, the indices, the living processes and the static files of the old.
Out:  steps: what was found, what to do, and whether the running processes survive it.
Next: config/management/commands/check_release.py

migrations.py    which migrations of the new code the old code survives
running.py       what the running processes know: events and keys
indices.py       projections that need a rebuild
files.py         settings and static files
"""
