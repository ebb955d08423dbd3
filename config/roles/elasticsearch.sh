#!/bin/sh
# Make the role and the user of the service in Elasticsearch, or set them anew: ./elasticsearch.sh URL
#
# ELASTIC_PASSWORD is the password of the user `elastic`, SERVICE_PASSWORD that of the user to make, both of letters and
# digits; ELASTIC_PASSWORD_FILE and SERVICE_PASSWORD_FILE name files that have them.
set -eu

ELASTIC_PASSWORD="${ELASTIC_PASSWORD:-$(cat "$ELASTIC_PASSWORD_FILE")}"
SERVICE_PASSWORD="${SERVICE_PASSWORD:-$(cat "$SERVICE_PASSWORD_FILE")}"

put() {  # URL BODY
    # The passwords are not among the arguments, which others on this machine see.
    printf 'user = "elastic:%s"\ndata = "%s"\n' "$ELASTIC_PASSWORD" "$2" |
        curl --fail-with-body --silent --show-error --request PUT --header 'Content-Type: application/json' --config - "$1"
}

put "$1/_security/role/tickets" "@$(dirname "$0")/elasticsearch.json"
put "$1/_security/user/tickets" "{\\\"password\\\": \\\"$SERVICE_PASSWORD\\\", \\\"roles\\\": [\\\"tickets\\\"]}"
