#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# SIGINT, SIGTERM and SIGHUP end a verb with 130, 143 and 129, soon, and
# nothing half made: no volume of an import, no file of an export, nothing of
# a verb that waits for the pool's owner.  Without a server and through one,
# which goes on serving.  A signal that was ignored (nohup, a background job)
# stays so.
set -e
source "$(dirname "$0")/lib/functions.sh"
cd "$tmpdir"

must nbdvol init data.pool 256M
head -c 30000000 /dev/urandom >image
must nbdvol import data.pool full image
mkfifo in out
exec 8<>in 9<>out               # both ends held open: nobody gets EOF

# start VERB ARGUMENT...: in the background, as $job.  A background job of a
# script ignores SIGINT, so it is set back first.
start ()
{
  /usr/bin/python3 -c 'import os, signal, sys
signal.signal (signal.SIGINT, signal.SIG_DFL)
os.execvp (sys.argv[1], sys.argv[1:])' "$builddir/command/nbdvol" "$@" \
    2>job.err >"${job_out:-job.out}" &
  job=$!
}

# SIGTERM's bit.
catches_signals ()
{
  local mask
  mask=$(sed -n 's/^SigCgt:.*\(.\{4\}\)$/\1/p' "/proc/$job/status")
  [ $((0x$mask & 0x4000)) -ne 0 ] &&
    [ "$(cat "/proc/$job/comm")" = nbdvol ]
}

# ends SIGNAL CODE [MESSAGE]
ends ()
{
  local rc=0 start=$SECONDS
  wait_until 20 catches_signals
  kill "-$1" "$job"
  wait "$job" || rc=$?
  equal "$rc" "$2" "exit code after SIG$1"
  between $((SECONDS - start)) 0 5 "seconds until it ended"
  matches "$(cat job.err)" "${3-interrupted}" "message"
}

reads_fifo () { find "/proc/$1/fd" -lname '*/in' | grep -q .; }

all_verbs ()
{
  local sig code
  for sig in INT TERM HUP; do
    code=$((128 + $(kill -l $sig)))
    # Import waits for data that does not come.
    start import data.pool new in
    head -c 3000000 image >&8 &
    wait_until 20 reads_fifo "$job"
    wait $!
    ends $sig $code
    must_fail 3 nbdvol info data.pool new
    # Export into a pipe that nobody empties.
    job_out=out start export data.pool full -
    wait_until 20 pipe_full
    ends $sig $code
    drain
    must nbdvol ls data.pool
  done
  must nbdvol check data.pool
  matches "$out" clean
}

pipe_full () { [ "$(/usr/bin/python3 -c 'import array, fcntl, termios
a = array.array ("i", [0])
fcntl.ioctl (9, termios.FIONREAD, a)
print (a[0] > 0)' 9<&9)" = True ]; }
drain ()
{
  dd if=out of=/dev/null bs=1M iflag=nonblock status=none 2>/dev/null || :
}

all_verbs

start_nbdkit server pool data.pool control="$sockdir/ctl"
all_verbs
start events data.pool --follow
wait_until 20 grep -q opened job.out
ends INT 130 '^$'
# Verbs that wait for the pool's owner, or for whoever is making it.
must nbdvol init other.pool 64M
must nbdvol create other.pool root 1M
: >new.pool
start_nbdkit other pool other.pool control=off
mkfifo hold
/usr/bin/python3 -c 'import fcntl, sys
f = open ("new.pool", "r+b")
fcntl.lockf (f, fcntl.LOCK_EX)
open ("locked", "w").close ()
sys.stdin.read ()' <hold &
locker=$!
exec 7>hold
wait_until 20 test -e locked
for args in 'info other.pool' 'create other.pool new 1M' 'rm other.pool root' \
            'snapshot other.pool root@a' 'clone other.pool root new' \
            'import other.pool new image' 'export other.pool root out.img' \
            'grow other.pool 96M' 'init new.pool 64M'; do
  # shellcheck disable=SC2086
  start $args --wait=1h
  ends TERM 143
  # shellcheck disable=SC2086
  start $args --wait=1h
  ends INT 130
done
exec 7>&-
must wait $locker
equal "$(stat -c %s new.pool)" 0 "size of the pool that was not made"
pass_if test ! -e out.img
stop_nbdkit other
must nbdvol ls other.pool -Ho name
equal "$out" root
equal "$(nbdvol info other.pool -Hpo capacity)" $((64 << 20))

# Ignored signals; without a server, which might be done before it is told.
mkfifo in2
(trap '' INT HUP
 exec "$builddir/command/nbdvol" import other.pool ignored in2) &
job=$!
exec 7>in2
wait_until 20 catches_signals
kill -INT $job
kill -HUP $job
cat image >&7
exec 7>&-
must wait $job
nbdvol export other.pool ignored - | cmp - image
passed

must nbdvol create data.pool afterwards 1M
# The server ends meanwhile: so does the verb, with nothing half made.
start import data.pool new in
head -c 3000000 image >&8 &
wait $!
stop_nbdkit server
rc=0
wait "$job" || rc=$?
equal "$rc" 1 "exit code when the server ended"
matches "$(cat job.err)" 'interrupted' "message"
must_fail 3 nbdvol info data.pool new
must nbdvol check data.pool
