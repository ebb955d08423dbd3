"""Start jobs that change many tickets, and tell how far they are.

selection.py   read which tickets a job has
views.py       start a job, show it with its refusals, stop it
"""
