"""The project: settings, addresses and start-up; it wires the apps together.

environment/   read environment variables, and refuse wrong ones
settings/      Django's settings
engines/       servers on this machine: PostgreSQL, Valkey, Elasticsearch
roles/         the rights that the service needs in each server
supervisord/   run programs under supervisord on this machine
compose/       what docker-compose.yml needs
kubernetes/    the same processes in Kubernetes, by kustomize
up/            `manage.py up`: all of the service on this machine
postgresql/    Django's backend with a pool of sessions that can write
web/           whatever HTTP needs that belongs to no app: problems, health, limits, the gate's page
nginx/         nginx before the web server
admin/         the admin's site, theme and navigation; operations, and forgetting a person
box_office/    the pages that change a ticket, and what keeps a ticket's page live
templatetags/  what the pages offer
feed/          the events over HTTP
metrics/       figures for Prometheus
"""
