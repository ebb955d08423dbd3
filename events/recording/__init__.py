"""Record events in the transaction of the change that they report, and flush them together after its commit.

In:   record(*events), from model methods.
Out:  rows of the log without a position; a rollback removes them together with the change.
Next: events/relay
"""
