"""Run one process of a consumer group.

In:   entries of the stream; events that it lacks are read from the log.
Out:  calls of the group's subscriber, in order, at least once; then the checkpoint moves.
Next: readmodel/subscriber.py
"""
