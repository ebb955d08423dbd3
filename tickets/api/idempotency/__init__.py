"""Carry out a request with an Idempotency-Key once, however often it is sent.

In:   a request that changes tickets, with the header Idempotency-Key.
Out:  the change and its KeptAnswer in one transaction; for a repeated request the same answer, and no change.
"""
