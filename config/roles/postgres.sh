#!/bin/sh
# Make the role of the service, which owns its database and may do nothing else.
#
# The image of PostgreSQL runs this once, when it makes the database's files. SERVICE_PASSWORD is the password of the
# role, or SERVICE_PASSWORD_FILE the file that has it.
set -eu
SERVICE_PASSWORD="${SERVICE_PASSWORD:-$(cat "$SERVICE_PASSWORD_FILE")}"
export SERVICE_PASSWORD
psql --username postgres --set ON_ERROR_STOP=1 <<'SQL'
\getenv password SERVICE_PASSWORD
CREATE ROLE tickets LOGIN PASSWORD :'password';
CREATE DATABASE tickets OWNER tickets;
REVOKE ALL ON DATABASE tickets FROM PUBLIC;
SQL
