# What try_debian.py runs: a line such as `:install.md` stands for the next block of commands of that page. The rest is what
# happens to the service between them, and what has to be right afterwards.
:install.md
:install.md
:install.md
:install.md
:install.md
:install.md
:install.md
:install.md
:install.md
:install.md
:install.md
:install.md
:install.md
:install.md

issue() {
    call "https://$NAME/api/tickets/" --output /dev/null --data '{"title": "'"$1"'", "venue": "Opera", "starts_at":
        "2027-05-01T20:00", "time_zone": "Europe/Berlin", "holder_name": "Ada", "holder_email": "ada@example.org",
        "price": "25.00", "currency": "EUR"}'
}
count() {
    call "https://$NAME/api/search/tickets/?q=$1" | grep --only-matching '"count":[0-9]*' | cut --delimiter : --fields 2
}
wait_for() {  # wait_for TITLE NUMBER: until the search finds so many tickets, and doctor no fault
    for _ in $(seq 120); do
        if [ "$(count "$1" 2> /dev/null)" = "$2" ] && tickets doctor > /tmp/doctor; then
            echo "== $2 found of $1, and doctor finds no fault"
            return
        fi
        sleep 1
    done
    cat /tmp/doctor
    echo "== $(count "$1") found of $1, not $2"
    exit 1
}
administrator() { REDISCLI_AUTH=$(cat /root/valkey-password) valkey-cli --user administrator "$@"; }
search=/var/lib/elasticsearch-tickets/elasticsearch/data

wait_for tosca 1
:backup.md
:backup.md
:backup.md
:backup.md

echo "== Restore a dump: three tickets are lost."
issue lost; issue lost; issue lost
wait_for lost 3
:restore.md
wait_for tosca 1
wait_for lost 0

echo "== Restore a point in time: one ticket is kept, two are lost."
issue kept
wait_for kept 1
MOMENT=$(date --utc '+%F %T.%N%:z')
issue missed; issue missed
wait_for missed 2
runuser --user postgres -- psql --quiet --output /dev/null --command 'SELECT pg_switch_wal()'
sleep 2
:restore.md
wait_for kept 1
wait_for missed 0

echo "== Redis is lost."
administrator flushall
issue redis
wait_for redis 1

echo "== Elasticsearch is lost."
systemctl stop elasticsearch-tickets
rm -r "$search"
systemctl start elasticsearch-tickets
wait_for kept 1

echo "== Both are lost."
systemctl stop elasticsearch-tickets valkey-server
rm -r "$search" /var/lib/valkey/*
systemctl start elasticsearch-tickets valkey-server
issue both
wait_for both 1
wait_for kept 1

echo "== Move to another Redis, while tickets are issued."
systemd-run --quiet --unit valkey-new --property User=valkey \
    valkey-server --port 6380 --bind 127.0.0.1 --aclfile /etc/valkey/users.acl
NEW_REDIS=$(sed 's|127.0.0.1/|127.0.0.1:6380/|' /etc/tickets/secrets/event_stream_url)
(for _ in $(seq 20); do issue moved; sleep 0.5; done) &
:restore.md
wait $!
wait_for moved 20
REDISCLI_AUTH=$(cat /root/valkey-password) valkey-cli -p 6380 --user administrator xlen tickets
