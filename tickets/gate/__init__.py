"""Let people in: once for each ticket, whatever a gate's device repeats, sends late or scans.

In:   a code or the text of a QR code, and a Passage, from tickets/api/gate.
Out:  Ticket.check_in(), or the reason why nobody is let in.
"""
