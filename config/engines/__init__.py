"""Run PostgreSQL, Valkey and Elasticsearch on this machine, where no environment variable names a server.

A module per engine prepares it and knows its URL; running.py starts all of them under supervisord.
"""
