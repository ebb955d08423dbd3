"""Bring the stream up to the log, from a request after its commit or from `manage.py relay_events`.

In:   committed rows of the log.
Out:  their positions, and the entries of the stream.
Next: events/stream
"""
