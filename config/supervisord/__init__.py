"""Run programs on this machine under supervisord: its configuration, how to start and stop it, free ports.

events.conf and web.conf serve production too, which production.conf puts together.
"""
