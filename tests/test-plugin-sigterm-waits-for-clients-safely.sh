#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# SIGTERM does not disconnect clients: nbdkit waits until they leave, and
# systemd kills it if they do not.  Either way what was flushed is there
# afterwards; when they leave in time the end is a clean one.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

mkfifo "$tmpdir/in"
start_client ()
{
  : >"$tmpdir/client"
  "$nbd_do" "$s_uri" "$@" flush hold \
      <"$tmpdir/in" >"$tmpdir/client" 2>&1 &
  client=$!
  exec 7>"$tmpdir/in"
  wait_until 10 grep -q holding "$tmpdir/client"
}

serve_under_test s "volatile(file:$pool)" create=16M
start_client write:0:1M:@1
kill "$s_pid"
pass_if kill -0 "$s_pid"
exec 7>&-
must wait "$client"
wait_until 10 server_gone "$s_pid"
check_exit_code s "$s_pid"
matches "$(cat "$s_log")" 'closed cleanly'
s_pid=

# Now the client stays, and the server is killed.
serve_under_test s "volatile(file:$pool)"
start_client read:0:1M:@1 write:2M:1M:@3
kill "$s_pid"
kill_nbdkit s
exec 7>&-
wait "$client" || true

serve s
must nbd_do "$s_uri" read:0:1M:@1 read:2M:1M:@3
