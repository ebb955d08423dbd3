"""Record events in the transaction of the change they tell of, and flush them together after its commit.

In:   record(*events), from model methods.
Out:  rows of the log without a position; a rollback takes them away with the change.
Next: events/relay
"""
