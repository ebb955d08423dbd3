"""Serve HTTP for the project as a whole.

server/    run the web server
limits/    what clients may take of it
requests/  read requests strictly
answers/   problem details, error pages, headers, and the OpenAPI document
health/    liveness and readiness

permissions.py is for all REST views, lookup.py finds a ticket in the database. receiver.py is a program of its own: it
stands in for an access system.
"""
