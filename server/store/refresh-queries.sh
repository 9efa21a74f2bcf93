#!/bin/sh
# Checks the store's queries against a scratch Postgres with the migrations applied, and writes
# what the build needs to check them without one into .sqlx beside this file.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
bin=$(ls -d /usr/lib/postgresql/*/bin "$(pg_config --bindir 2>/dev/null || true)" 2>/dev/null | sort -V | tail -n 1)
scratch=$(mktemp -d /tmp/longshore-queries-XXXXXX)
as_user() { "$@"; }
if [ "$(id -u)" = 0 ]; then
    chown postgres "$scratch"
    as_user() { setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }
fi
cd /
as_user "$bin/initdb" --pgdata="$scratch/data" --username=longshore --auth=trust --no-sync >/dev/null
as_user "$bin/pg_ctl" --pgdata="$scratch/data" --silent --wait --log="$scratch/log" \
    --options="-c listen_addresses= -c unix_socket_directories=$scratch -c fsync=off" start
trap 'as_user "$bin/pg_ctl" --pgdata="$scratch/data" --silent --mode=immediate stop; rm -rf "$scratch"' EXIT
psql="$bin/psql --quiet --set=ON_ERROR_STOP=1 --host=$scratch --username=longshore postgres"
$psql --command='CREATE SCHEMA longshore'
for migration in "$here"/../../migrations/*.sql; do
    PGOPTIONS='-c search_path=longshore' $psql --file="$migration"
done
rm -rf "$here/.sqlx" && mkdir "$here/.sqlx"
touch "$here/src/lib.rs"
cd "$here"
DATABASE_URL="postgres://longshore@localhost/postgres?host=$scratch&options=-csearch_path%3Dlongshore" \
    SQLX_OFFLINE=false SQLX_OFFLINE_DIR="$here/.sqlx" cargo check --package store
