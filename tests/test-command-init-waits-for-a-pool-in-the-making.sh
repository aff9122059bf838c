#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# While somebody else has a lock on what is to become a pool, and no owner
# has put its name there, init cannot know whether it will be one: it waits
# for --wait, then ends with 5 and has changed nothing; --exist-ok is no
# excuse.  A pool that has an owner, or readers, exists: 4 at once.
set -e
source "$(dirname "$0")/lib/functions.sh"
cd "$tmpdir"

# lock FILE: as one that makes a pool does; until unlock.
lock ()
{
  rm -f locked
  mkfifo hold
  /usr/bin/python3 -c 'import fcntl, sys
f = open (sys.argv[1], "r+b")
fcntl.lockf (f, fcntl.LOCK_EX)
open ("locked", "w").close ()
sys.stdin.read ()' "$1" <hold &
  locker=$!
  exec 7>hold
  rm hold
  wait_until 20 test -e locked
}
unlock ()
{
  exec 7>&-
  wait $locker
}

: >data.pool
lock data.pool
must_fail 5 nbdvol init data.pool 64M --wait=200ms
matches "$err" '^nbdvol: init: data\.pool: in use by '
must_fail 5 nbdvol init data.pool 64M --wait=200ms --exist-ok
must_fail 5 nbdvol init data.pool 64M --wait=0 --json
matches "$out" '"code":5,"errno":"EBUSY","object":"data.pool"'
equal "$(stat -c %s data.pool)" 0 "size of the file"
nbdvol init data.pool 64M 7>&- &
job=$!
kill -0 $job
unlock
must wait $job
must nbdvol check data.pool

# A pool that is whole, though whoever makes it may not think so.
lock data.pool
must_fail 5 nbdvol init data.pool 64M --wait=200ms --exist-ok
nbdvol init data.pool 64M --exist-ok 7>&- &
job=$!
unlock
must wait $job

start_nbdkit server pool data.pool control=off
must_fail 4 nbdvol init data.pool 64M
must nbdvol init data.pool 64M --exist-ok
stop_nbdkit server
start_nbdkit server pool data.pool control=off readonly=true
must_fail 4 nbdvol init data.pool 64M
must nbdvol init data.pool 64M --exist-ok
