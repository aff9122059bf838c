#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A client that came by TCP is named by its address where nbdvol says who is
# connected.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

# A port that nobody has now; somebody else may take it first, so try again.
for try in 1 2 3 4 5; do
  port=$(/usr/bin/python3 -c '
import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])')
  nbdkit -f -i 127.0.0.1 -p "$port" -P "$tmpdir/pid" pool "$pool" \
         create=4M control="$sockdir/ctl" >"$tmpdir/log" 2>&1 &
  s_pid=$!
  wait_until 20 server_settled "$tmpdir/pid" "$s_pid"
  if ! server_gone "$s_pid"; then
    break
  fi
  [ $try -lt 5 ] || fail "no port"
done
cleanup_fn "end_job $s_pid; wait $s_pid || true"

mkfifo "$tmpdir/in"
"$nbd_do" "nbd://127.0.0.1:$port/root" hold <"$tmpdir/in" \
          >"$tmpdir/client" 2>&1 &
client=$!
exec 7>"$tmpdir/in"
wait_until 10 grep -q holding "$tmpdir/client"
must_fail 1 nbdvol rm "unix:$sockdir/ctl" root
matches "$err" 'connection \(127\.0\.0\.1:[0-9]+\)'
exec 7>&-
must wait "$client"
