"""Send webhooks to the access system, by the Standard Webhooks specification.

In:   messages, from tickets/access.py.
Out:  signed HTTP requests to public addresses.
"""
