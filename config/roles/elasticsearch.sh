#!/bin/sh
# Make the role and the user of the service in Elasticsearch, or set them anew: ./elasticsearch.sh URL
#
# ELASTIC_PASSWORD is the password of the user `elastic`, SERVICE_PASSWORD that of the user to make.
set -eu

put() {
    curl --fail-with-body --silent --show-error --user "elastic:$ELASTIC_PASSWORD" --request PUT \
        --header 'Content-Type: application/json' --data "$2" "$1"
}

put "$1/_security/role/tickets" "@$(dirname "$0")/elasticsearch.json"
put "$1/_security/user/tickets" "{\"password\": \"$SERVICE_PASSWORD\", \"roles\": [\"tickets\"]}"
