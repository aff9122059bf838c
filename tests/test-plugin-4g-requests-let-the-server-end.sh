#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A server with nothing but requests of 4 GiB - 1 byte under way ends soon
# after their client has gone, and what was flushed is there.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

g=4294967295
serve s create=16G volume=a pool-size=512M
must nbd_do "$s_uri" scatter:2048:2M:@1 flush write:8G:1M:@2 flush
requests=()
for ((i = 0; i < 2000; i++)); do
  requests+=("status:0:$g" "cache:0:$g" "trim:$((i << 20)):$g" "zero:1:$g")
done
"$nbd_do" "$s_uri" "${requests[@]}" >"$tmpdir/client" 2>&1 &
client=$!
# It prints extents.
wait_until 60 test -s "$tmpdir/client"
pass_if kill -0 $client
kill "$s_pid"
kill -KILL $client
wait $client || true
start=$(date +%s%N)
wait_until 60 server_gone "$s_pid"
limit=10000
[ -z "${NBDKIT_VALGRIND:-}" ] || limit=60000
between $((($(date +%s%N) - start) / 1000000)) 0 $limit "milliseconds"
check_exit_code s "$s_pid"
s_pid=
matches "$(cat "$s_log")" 'closed cleanly'

serve s
must nbd_do "$s_uri" read:8G:1M:@2
must nbdvol check "$pool"
