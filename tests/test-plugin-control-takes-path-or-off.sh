#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# control=PATH is where the control socket is made, for its owner only;
# control=off makes none; a path that cannot be is an error before nbdkit
# forks.  The pool names the socket, so that nbdvol needs only the pool.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

start_nbdkit s pool "$pool" create=4M control="$sockdir/c.sock"
pass_if test -S "$sockdir/c.sock"
equal "$(stat -c %a "$sockdir/c.sock")" 600 "mode of the socket"
must nbdvol create "$pool" by-pool 1M
must nbdvol create "unix:$sockdir/c.sock" by-socket 1M
stop_nbdkit s
pass_if test ! -e "$sockdir/c.sock"

start_nbdkit s pool "$pool" control=off
must_fail 5 nbdvol create --wait=100ms "$pool" not-reached 1M
matches "$err" "pid $s_pid"
stop_nbdkit s

must_fail 1 nbdkit -U - pool "$pool" control="$sockdir/no/such/dir/c" --run true
matches "$err" "$sockdir/no/such/dir/c"
equal "$(wc -l <<<"$err")" 1 "lines of the error message"
