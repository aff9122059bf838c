#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# SIGTERM does not disconnect clients: nbdkit waits for them, and systemd
# kills it in the end.  Requests are answered until then, and what was
# flushed is there afterwards.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

mkfifo "$tmpdir/in"
serve_under_test s "volatile(file:$pool)" create=16M
nbd_do "$s_uri" write:0:1M:@1 flush hold write:1M:1M:@2 flush \
       <"$tmpdir/in" >"$tmpdir/client" 2>&1 &
client=$!
exec 7>"$tmpdir/in"
wait_until 10 grep -q holding "$tmpdir/client"
kill "$s_pid"
exec 7>&-
wait_until 10 server_gone "$client"
must wait "$client"
wait_until 10 server_gone "$s_pid"
check_exit_code s "$s_pid"
s_pid=

# Now the client stays, and the server is killed.
serve_under_test s "volatile(file:$pool)"
nbd_do "$s_uri" read:0:1M:@1 read:1M:1M:@2 write:2M:1M:@3 flush hold \
       <"$tmpdir/in" >"$tmpdir/client" 2>&1 &
client=$!
exec 7>"$tmpdir/in"
wait_until 10 grep -q holding "$tmpdir/client"
kill "$s_pid"
kill_nbdkit s
exec 7>&-
wait "$client" || true

serve s
must nbd_do "$s_uri" read:0:1M:@1 read:1M:1M:@2 read:2M:1M:@3
