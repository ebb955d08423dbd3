"""Serve HTTP for the project as a whole: problem details, permissions, lists, health, and the look-up of a ticket.

server.py runs the web server, restart.py restarts it.

receiver.py is a program of its own: it stands in for an access system.
"""
