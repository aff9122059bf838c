#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Of several that make the same pool at once one makes it, and nobody removes
# what another has made: init against init, at each moment that matters, and
# init against `nbdkit pool create=`.  With --exist-ok all are content.
set -e
source "$(dirname "$0")/lib/functions.sh"
need_command strace
cd "$tmpdir"

# slow_init CALL: init of new.pool, in the background as $job, that takes two
# seconds over each system call CALL on that path.
slow_init ()
{
  strace -f -o strace.log -P "$PWD/new.pool" \
         -e trace=openat,newfstatat,renameat2 \
         -e inject="$1":delay_enter=2000000 \
         "$builddir/command/nbdvol" init "$PWD/new.pool" 64M 2>slow.err &
  job=$!
}

# loses MESSAGE: the slow one finds the pool that is there, and leaves it.
loses ()
{
  local rc=0
  must nbdvol create new.pool root 1M
  wait $job || rc=$?
  equal "$rc" 4 "exit code of the slow one"
  matches "$(cat slow.err)" 'new\.pool: exists already; a pool is never'
  must nbdvol info new.pool root
  equal "$(find . -name '.nbdvol*')" '' "passing files"
  rm new.pool
}

passing_file () { find . -name '.nbdvol-*' | grep -q .; }

slow_init openat
wait_until 20 pgrep -P $job
must nbdvol init new.pool 64M
loses
slow_init newfstatat
wait_until 20 grep -q 'openat.*ENOENT' strace.log
must nbdvol init new.pool 64M
loses
slow_init renameat2
wait_until 20 passing_file
must nbdvol init new.pool 64M
loses

# at_once N COMMAND...: N of them; sets codes to the sorted exit codes.
at_once ()
{
  local n=$1 i pids=()
  shift
  rm -f codes
  for ((i = 0; i < n; i++)); do
    {
      rc=0
      "$@" 2>>errors >/dev/null || rc=$?
      echo $rc >>codes
    } &
    pids+=($!)
  done
  wait "${pids[@]}"
  codes=$(sort codes | tr '\n' ' ')
}

for round in 1 2 3 4 5 6 7 8 9 10; do
  at_once 4 nbdvol init "p$round" 16M
  equal "$codes" '0 4 4 4 ' "exit codes in round $round"
  must nbdvol check "p$round"
done
for round in 11 12 13 14 15; do
  at_once 4 nbdvol init "p$round" 16M --exist-ok
  equal "$codes" '0 0 0 0 ' "exit codes in round $round"
  must nbdvol check "p$round"
done
rm p*

# With a server that makes the pool at the same time: one of the two does.
for round in 1 2 3 4 5 6; do
  nbdvol init served 16M 2>init.err &
  job=$!
  nbdkit -f -U - pool served create=1M control=off --run true 2>server.err &
  server=$!
  rc=0
  wait $job || rc=$?
  rc2=0
  wait $server || rc2=$?
  echo "round $round: init $rc, nbdkit $rc2"
  [ $rc = 0 ] || matches "$(cat init.err)" 'exists already; a pool is never'
  [ $rc2 = 0 ] || matches "$(cat server.err)" ' in use'
  equal "$((rc == 0 || rc2 == 0))" 1 "one of them has made it"
  must nbdvol check served
  rm served
done
equal "$(find . -name '.nbdvol*')" '' "passing files"
