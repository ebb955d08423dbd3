"""The project: settings, addresses and start-up; it wires the apps together.

engines/      servers on this machine: PostgreSQL, Valkey, Elasticsearch
supervisord/  run programs under supervisord on this machine
up/           `manage.py up`: all of the service on this machine
web/          whatever HTTP needs that belongs to no app: problems, health, pages of lists, permissions
feed/         the events over HTTP
metrics/      figures for Prometheus
"""
