"""Run one process of a consumer group.

In:   entries of the stream, or events from the log if the stream lacks them.
Out:  calls of the group's subscriber, in order, at least once per event; then the checkpoint moves.
Next: readmodel/subscriber.py
"""
