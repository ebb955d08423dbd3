"""Limit guesses of passwords, codes and tokens: count each attempt before it is looked at.

attempts.py        what is counted for a log-in, and by which limits
limits.py          count attempts in the database
known_browsers.py  browsers in which an account has logged in, which strangers can't lock out
"""
