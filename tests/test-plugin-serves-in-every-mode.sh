#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# In the foreground, as a daemon, captive (--run), on stdin (-s) and on a
# socket passed as systemd does: the same pool, and the end is clean.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

tool=$builddir/tests/tools/nbd-do

serve s create=8M
must nbd_do "$s_uri" write:0:1M:@1 flush
stop_nbdkit s

start_nbdkit_daemon s pool "$pool" control="$sockdir/d.ctl"
must nbd_do "$s_uri" read:0:1M:@1 write:1M:1M:@2 flush
must nbdvol snapshot "$pool" root@daemon
stop_nbdkit s

must nbdkit -U - pool "$pool" control=off \
     --run "'$tool' \$uri read:1M:1M:@2 write:2M:1M:@3 flush"

# -s: the client is on stdin and stdout.
must nbd_do "exec:exec nbdkit -s pool '$pool' control=off" \
     read:2M:1M:@3 write:3M:1M:@4 flush

# Socket activation, by the protocol of systemd.
perl "$srcdir/contrib/listen-and-exec" "$sockdir/a.sock" -- \
     nbdkit -f -P "$tmpdir/a.pid" pool "$pool" control=off \
     </dev/null >"$tmpdir/a.log" 2>&1 &
activator=$!
cleanup_fn "end_job $activator"
wait_until 10 test -s "$tmpdir/a.pid"
must nbd_do "nbd+unix:///?socket=$sockdir/a.sock" read:3M:1M:@4 \
     write:4M:1M:@5 flush
kill "$activator"
wait_until 10 server_gone "$activator"
wait "$activator"
passed

serve s
must nbd_do "$s_uri" read:4M:1M:@5
