#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Without control= the socket is UUID.sock in /run/nbdvol for root, else in
# nbdvol/ below $XDG_RUNTIME_DIR, and goes with the server.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

export XDG_RUNTIME_DIR=$sockdir/run
mkdir -m 0700 "$XDG_RUNTIME_DIR"
if [ "$(id -u)" -eq 0 ]; then
  dir=/run/nbdvol
  mode=755
else
  dir=$XDG_RUNTIME_DIR/nbdvol
  mode=700
fi

start_nbdkit s pool "$pool" create=4M
uuid=$(nbdvol info --json "$pool" |
         sed -n 's/.*"uuid": *"\([^"]*\)".*/\1/p' | head -n 1)
pass_if test -S "$dir/$uuid.sock"
equal "$(stat -c %a "$dir")" $mode "mode of the directory"
equal "$(stat -c %a "$dir/$uuid.sock")" 600 "mode of the socket"
stop_nbdkit s
pass_if test ! -e "$dir/$uuid.sock"

# A socket left by a server that was killed is replaced.
start_nbdkit s pool "$pool"
kill_nbdkit s
pass_if test -S "$dir/$uuid.sock"
start_nbdkit s pool "$pool"
must nbdvol create "$pool" later 1M
