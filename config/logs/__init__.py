"""The log of each process: lines for people, or one JSON object a line (LOG_FORMAT).

settings.py     the value of Django's LOGGING
lines.py        lines for people
json_lines.py   JSON, from `record.py` and `values.py`
private.py      what a line never has: values of rows, queries of addresses
uncaught.py     exceptions that nobody has caught

The main process of the web server logs without Django, and must not load what its new workers would then have in an old
version: json_lines.py imports nothing but Python and its neighbours.
"""
