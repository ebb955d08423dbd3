"""Bring the stream up to date with the log: in a request after its commit, and in `manage.py relay_events`.

In:   committed rows of the log.
Out:  their positions, and entries of the stream.
Next: events/stream
"""
