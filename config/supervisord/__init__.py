"""Run programs on this machine under supervisord: its configuration, how to start and stop it, free ports.

events.conf serves production too.
"""
