"""Read requests strictly: whose they are, and nothing in them that two readers could understand differently.

In:   requests, within the limits.
Out:  requests that views can read, or refusals.
"""
