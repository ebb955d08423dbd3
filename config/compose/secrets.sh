#!/bin/sh
# Make the secrets of docker-compose.yml, a file each, in the folder `secrets` beside it: sh config/compose/secrets.sh
#
# A file that is there is kept. A password of an installation that you have goes in by its variable (POSTGRES_PASSWORD,
# VALKEY_PASSWORD and so on: the name of its file in capitals); it is of letters and digits.
set -eu

cd "$(dirname "$0")/../.."
umask 077
mkdir -p secrets

keep() {  # NAME VALUE
    [ -e "secrets/$1" ] && return
    printf '%s' "$2" > "secrets/$1.new"
    # The users of the containers read it; nobody else gets into the folder.
    chmod 444 "secrets/$1.new"
    mv "secrets/$1.new" "secrets/$1"
    echo "made secrets/$1"
}

random() {  # BYTES
    head -c "$1" /dev/urandom | od -An -tx1 | tr -d ' \n'
}

content() {  # NAME
    cat "secrets/$1"
}

keep secret_key "${SECRET_KEY:-$(random 32)}"
# The keys by which the stream is signed; see docs/operations/keys.md for how to replace them.
keep events_stream_keys "${EVENTS_STREAM_KEYS:-$(content secret_key)}"
keep access_system_secrets "${ACCESS_SYSTEM_SECRETS:-whsec_$(head -c 32 /dev/urandom | base64 | tr -d '\n')}"
keep postgres_administrator_password "${POSTGRES_ADMINISTRATOR_PASSWORD:-$(random 24)}"
keep postgres_password "${POSTGRES_PASSWORD:-$(random 24)}"
keep valkey_password "${VALKEY_PASSWORD:-$(random 24)}"
keep elastic_password "${ELASTIC_PASSWORD:-$(random 24)}"
keep elasticsearch_password "${ELASTICSEARCH_PASSWORD:-$(random 24)}"
keep grafana_password "$(random 24)"
# Until manage.py create_token has made one; see docs/operations/containers.md.
keep prometheus_token "$(random 24)"
chmod u+w secrets/prometheus_token
keep database_url "postgresql://tickets:$(content postgres_password)@postgres/tickets"
keep event_stream_url "redis://tickets:$(content valkey_password)@valkey:6379/tickets"
keep elasticsearch_url "http://tickets:$(content elasticsearch_password)@elasticsearch:9200"
