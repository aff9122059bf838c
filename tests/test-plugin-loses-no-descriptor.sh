#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# At its end neither the server nor the command has a descriptor open that it
# has opened itself (valgrind tells, with the place where that was): after
# clients that came, were refused and were killed, verbs with descriptors in
# their requests, verbs that failed, and somebody who follows the events.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"
need_command valgrind

# none_lost NAME: of the process whose report is in the files NAME.*
none_lost ()
{
  local file
  for file in "$tmpdir/$1".*; do
    matches "$(cat "$file")" 'FILE DESCRIPTORS: [0-9]+ open' "the report"
    # Paragraphs; what its parent had open is no loss.
    awk -v RS='==[0-9]+== \n' '/Open / && ! /inherited from parent/' \
        "$file" >"$tmpdir/lost"
    equal "$(cat "$tmpdir/lost")" "" "descriptors open at the end of $1"
  done
}
# A report for each process.
report ()
{
  echo "VALGRIND_OPTS=--track-fds=yes --log-file=$tmpdir/$1.%p"
}

export NBDKIT_VALGRIND=1
export "$(report server)"
serve s create=16M volume=a
must nbd_do "$(uri s a)" write:0:1M:@1 flush
must_fail 1 nbd_do "$(uri s nothere)" size
stop_nbdkit s
serve s
unset NBDKIT_VALGRIND
nbdvol events --follow "unix:$sockdir/s.ctl" >"$tmpdir/events" &
follower=$!
wait_until 60 grep -q opened "$tmpdir/events"
head -c 1M /dev/urandom >"$tmpdir/in"

# Verbs, good and bad, each under valgrind too.
n=0
verb ()
{
  local rc=$1
  shift
  n=$((n + 1))
  must_fail "$rc" env NBDVOL_VALGRIND=1 "$(report "verb$n")" nbdvol "$@"
  none_lost "verb$n"
}
ctl=unix:$sockdir/s.ctl
verb 0 import "$ctl" b "$tmpdir/in"
verb 4 import "$ctl" b "$tmpdir/in"
verb 0 export "$ctl" b "$tmpdir/out"
verb 3 export "$ctl" nothere "$tmpdir/out2"
verb 0 snapshot "$ctl" a@1
verb 0 check "$pool"
verb 3 ls --wait=100ms "unix:$sockdir/nobody"
verb 0 init "$tmpdir/second.pool" 16M
verb 0 create "$tmpdir/second.pool" v 1M
verb 7 create "$tmpdir/in" v 1M

# A client that is killed.  nbdkit itself loses memory of one that it has not
# seen leave when it ends; in use means not seen.
mkfifo "$tmpdir/fifo"
"$nbd_do" "$(uri s b)" hold <"$tmpdir/fifo" >"$tmpdir/client" 2>&1 &
client=$!
exec 7>"$tmpdir/fifo"
wait_until 60 grep -q holding "$tmpdir/client"
kill -KILL $client
wait $client || true
exec 7>&-
wait_until 60 nbdvol rm "$ctl" b
stop_nbdkit s
wait_until 60 server_gone $follower
equal "$(find "$tmpdir" -name 'server.*' | wc -l)" 2 "reports of servers"
none_lost server
must_fail 1 env NBDKIT_VALGRIND=1 "$(report failed)" nbdkit -f \
          -U "$sockdir/f" pool "$tmpdir/new.pool" create=1M \
          control="$sockdir/no/such/c"
none_lost failed
