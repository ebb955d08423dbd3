"""The REST interface of the gates.

bodies.py      read how a ticket was used
check_ins.py   check in by code or QR code, and take late check-ins
codes.py       answer the codes that are valid, for devices without a network
"""
