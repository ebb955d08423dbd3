"""The REST interface of the tickets, below /api/: list, show, issue, correct, cancel, reinstate and check in.

views.py       the operations
filters.py, pages.py, representation.py    which tickets a list has, and what of them
changes.py, issuing.py, preconditions.py   read a change, and whether it may be made
idempotency/   carry out a repeated request once
answers.py     show what was changed
"""
