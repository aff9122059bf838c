#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# One process owns a pool, whichever way it was started and however often it
# forked; a second one is refused with a line that names the first.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

refused ()
{
  start_fails "^nbdkit: error: $pool: in use by pid $1 on $(hostname) " \
              "$pool"
  # A daemon is refused before it forks.
  must_fail 1 nbdkit -P "$tmpdir/second.pid" -U "$sockdir/second" \
            pool "$pool" control=off
  pass_if test ! -e "$tmpdir/second.pid"
  # By another name, too.
  ln -f "$pool" "$tmpdir/link.pool"
  start_fails "in use by pid $1" "$tmpdir/link.pool"
  must nbd_do "$2" write:0:4K:1 flush
}

serve s create=8M
refused "$s_pid" "$s_uri"
stop_nbdkit s

start_nbdkit_daemon s pool "$pool" control="$sockdir/d.ctl"
refused "$s_pid" "$s_uri"
stop_nbdkit s

# --run: the server is nbdkit's child.
mkfifo "$tmpdir/go"
nbdkit -U "$sockdir/r.sock" -P "$tmpdir/r.pid" pool "$pool" control=off \
       --run "cat '$tmpdir/go'" &
captive=$!
wait_until 10 test -s "$tmpdir/r.pid"
refused "$(cat "$tmpdir/r.pid")" "nbd+unix:///?socket=$sockdir/r.sock"
: >"$tmpdir/go"
wait "$captive"
passed

# -s
coproc stdin_server { exec nbdkit -s pool "$pool" control=off; }
# shellcheck disable=SC2154
server=$stdin_server_PID
# Its greeting says that it is open.
head -c 8 <&"${stdin_server[0]}" >"$tmpdir/greeting"
equal "$(cat "$tmpdir/greeting")" NBDMAGIC
start_fails "in use by pid $server" "$pool"
kill -KILL "$server"
wait_until 10 server_gone "$server"

# A socket that was passed by systemd's protocol.
perl "$srcdir/contrib/listen-and-exec" "$sockdir/a.sock" -- \
     nbdkit -f -P "$tmpdir/a.pid" pool "$pool" control=off \
     </dev/null >"$tmpdir/a.log" 2>&1 &
activated=$!
cleanup_fn "end_job $activated"
wait_until 10 test -s "$tmpdir/a.pid"
refused "$activated" "nbd+unix:///?socket=$sockdir/a.sock"
