#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A server with readonly=true leaves no record in the pool.  It is found all
# the same at the usual control socket: what only it knows is asked of it,
# and what it refuses is said to be its refusal.  Where it cannot be found,
# its process is named as the kernel shows it, not as an old record says.
set -e
source "$(dirname "$0")/lib/functions.sh"
cd "$tmpdir"

# Where the sockets of others than root are; their paths must be short.
XDG_RUNTIME_DIR=$(mktemp -d /tmp/nbdvol.XXXXXX)
export XDG_RUNTIME_DIR
cleanup_fn "rm -rf '$XDG_RUNTIME_DIR'"
host=$(uname -n)
must nbdvol init data.pool 64M
must nbdvol create data.pool root 1M
# A record that is left over.
start_nbdkit server pool data.pool control="$sockdir/old.ctl"
old_pid=$server_pid
kill_nbdkit server

start_nbdkit server pool data.pool readonly=true
must nbdvol events data.pool
matches "$out" ' opened read-only: '
must nbdvol info data.pool
matches "$out" $'\nreadonly +yes\n'
nbdvol events data.pool --follow >followed &
follower=$!
wait_until 20 grep -q 'opened read-only' followed
for verb in 'create data.pool new 1M' 'snapshot data.pool root@a' \
            'resize data.pool root 2M' 'rename data.pool root base' \
            'rm data.pool root' 'grow data.pool 96M' \
            'import data.pool new /etc/passwd' 'clone data.pool root new'; do
  # shellcheck disable=SC2086
  must_fail 1 nbdvol $verb
  matches "$err" "^nbdvol: ${verb%% *}: data\.pool: .*the pool is open \
read-only by pid $server_pid; try again when that has ended$"
  equal "$(wc -l <<<"$err")" 1 "lines of the message"
done
# What needs nobody else is done here.
must nbdvol ls data.pool -v
matches "$err" 'opened here'
must nbdvol check data.pool
must nbdvol export data.pool root out

# A copy has the same uuid, and no server.
cp data.pool copy.pool
must nbdvol events copy.pool
equal "$out" ''
must nbdvol create copy.pool new 1M
must_fail 3 nbdvol info data.pool new

# A second reader has no usual socket to itself; the first answers.
start_nbdkit second pool data.pool readonly=true
must nbdvol events data.pool -v
matches "$err" "asks pid $server_pid "
stop_nbdkit second
stop_nbdkit server
must wait $follower

# One that cannot be found.
start_nbdkit server pool data.pool readonly=true control=off
for verb in 'events data.pool' 'create data.pool new 1M' \
            'rm data.pool root --json'; do
  # shellcheck disable=SC2086
  must_fail 5 nbdvol $verb --wait=100ms
  matches "$err" "^nbdvol: ${verb%% *}: data\.pool: in use by pid \
$server_pid \(nbdkit\) on $host, which only reads it and names no control \
socket; "
  lacks "$err" "$old_pid"
done
must nbdvol info data.pool root
must nbdvol info data.pool
stop_nbdkit server

# By its own name it can be asked.
start_nbdkit server pool data.pool readonly=true control="$sockdir/my.ctl"
must_fail 5 nbdvol events data.pool --wait=100ms
must nbdvol events "unix:$sockdir/my.ctl"
matches "$out" ' opened read-only: '
# It ends while a verb waits for it.
nbdvol create data.pool new 1M &
job=$!
kill -0 $job
stop_nbdkit server
must wait $job
# Nobody has it: no events, and that is no error.
must nbdvol events data.pool
equal "$out" ''
