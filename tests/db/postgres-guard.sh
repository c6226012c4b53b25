#!/bin/sh
# One private PostgreSQL for tests: postgres-guard.sh BINDIR [OPTION...], options being more of the server's (-c fsync=on). Makes a cluster in a folder of its own under /tmp, says "dir PATH", then obeys lines on
# standard input, answering "ok" to each: start (answered when the server is ready), stop (at once, as a crash), freeze, thaw.
# At the end of input, which is also how the death of the test program looks, it stops the server and removes the folder.
set -u
bin=$1
shift
trap '' INT TERM HUP
dir=$(mktemp -d /tmp/mpg.XXXXXX) || exit 1
server=

# No function and no subshell between us and the server: $! must be the server itself.
run="setpriv --pdeathsig QUIT"
[ "$(id -u)" != 0 ] || run="$run --reuid=postgres --regid=postgres --clear-groups"
start() {
    $run "$bin/postgres" -D "$dir/data" -k "$dir" -c listen_addresses= -c fsync=off -c full_page_writes=off -c jit=off \
        -c autovacuum=off -c max_connections=200 -c shared_buffers=32MB -c max_wal_size=4GB -c log_line_prefix='%m %u@%d ' \
        -c log_statement=none -c deadlock_timeout=100ms "$@" >>"$dir/log" 2>&1 </dev/null &
    server=$!
    until "$bin/pg_isready" -q -h "$dir"; do
        kill -0 "$server" 2>/dev/null || { cat "$dir/log" >&2; exit 1; }
        sleep 0.02
    done
}
stop() {
    [ -n "$server" ] || return 0
    kill -CONT "$server" $(pgrep -P "$server") 2>/dev/null
    kill -QUIT "$server" 2>/dev/null
    wait "$server" 2>/dev/null
    server=
}

[ "$(id -u)" != 0 ] || chown postgres: "$dir"
cd "$dir" || exit 1
if $run "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync --no-instructions >"$dir/initdb.log" 2>&1; then
    echo "dir $dir"
    while read -r line; do
        case $line in
        start) start "$@" ;;
        stop) stop ;;
        freeze) kill -STOP "$server" $(pgrep -P "$server") ;;
        thaw) kill -CONT "$server" $(pgrep -P "$server") ;;
        esac
        echo ok
    done
    stop
else
    cat "$dir/initdb.log" >&2
fi
cd /
rm -rf "$dir"
