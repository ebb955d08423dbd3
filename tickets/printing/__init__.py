"""Print a ticket: as a page (PDF) for its holder, and as a QR code (PNG).

In:   a ticket, from tickets/api/printed.py.
Out:  a file's bytes. Only the page has data of the holder; the QR code has the signed code alone.
"""
