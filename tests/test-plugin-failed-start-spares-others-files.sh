#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A start with create= that fails takes its new pool away again, but never a
# file that somebody else has made just before it would have, nor one that
# somebody else has taken into use before it was locked.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"
need_command strace

# A start that fails, held up at its first CALL on the pool's file.
fail_slowly ()
{
  local call=$1
  rm -f "$tmpdir/trace"
  strace -f -o "$tmpdir/trace" -P "$pool" -e trace=openat,fcntl \
         -e inject="$call":delay_enter=1000000:when=1 \
         nbdkit -U - pool "$pool" create=16M control="$sockdir/no/such/c" \
         --run true >"$tmpdir/failing.log" 2>&1 &
  failing=$!
  wait_until 20 grep -q "$call(" "$tmpdir/trace"
}
fails ()
{
  local rc=0
  wait $failing || rc=$?
  cat "$tmpdir/failing.log"
  equal "$rc" 1 "exit code"
}

# Made in between.
fail_slowly openat
: >"$pool"
inode=$(stat -c %i "$pool")
fails
equal "$(stat -c '%i %s' "$pool")" "$inode 0" "the file"
matches "$(cat "$tmpdir/failing.log")" 'no/such/c'

# Taken in between: the process is stopped after that call.
rm "$pool"
fail_slowly fcntl
pid=$(sed -n 's/^\([0-9]*\) *fcntl(.*/\1/p' "$tmpdir/trace" | head -n 1)
kill -STOP "$pid"
inode=$(stat -c %i "$pool")
serve s create=8M
kill -CONT "$pid"
fails
matches "$(cat "$tmpdir/failing.log")" "$pool: in use"
equal "$(stat -c %i "$pool")" "$inode" "the file"
must nbd_do "$s_uri" size write:0:1M:@1 flush
stop_nbdkit s
must nbdvol check "$pool"
