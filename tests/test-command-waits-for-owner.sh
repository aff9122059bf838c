#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A pool that is in use and whose owner cannot be reached: nbdvol waits for
# --wait, then ends with 5 and names process, host and socket; if the owner
# ends in the meantime, the verb is done.
set -e
source "$(dirname "$0")/lib/functions.sh"
cd "$tmpdir"

must nbdvol init data.pool 64M
must nbdvol create data.pool root 1M

host=$(uname -n)

# A server without a control socket.
start_nbdkit server pool data.pool control=off
start=$SECONDS
must_fail 5 nbdvol create data.pool new 1M --wait=1s
between $((SECONDS - start)) 0 4 "seconds waited"
matches "$err" "^nbdvol: create: data.pool: in use by pid \
$server_pid on $host, \
which has no control socket; "
must_fail 5 nbdvol ls data.pool --wait=0 --json
matches "$out" '"code":5,"errno":"EBUSY","object":"data.pool"'
must_fail 4 nbdvol init data.pool 64M --wait=0
matches "$err" 'exists already; a pool is never overwritten'
must nbdvol init data.pool 64M --exist-ok

# It ends while nbdvol waits.
nbdvol create data.pool new 1M --wait=60s &
job=$!
kill -0 $job
stop_nbdkit server
wait $job
passed
must nbdvol info data.pool new

# A socket that is gone, and one that is somebody else's.
start_nbdkit server pool data.pool control="$sockdir/ctl"
must nbdvol info data.pool
mv "$sockdir/ctl" "$sockdir/ctl2"
must_fail 5 nbdvol info data.pool --wait=100ms
matches "$err" "in use by pid $server_pid on $host, and its control socket \
$sockdir/ctl cannot be used: .*No such file"
cp data.pool copy.pool
start_nbdkit other pool copy.pool control="$sockdir/ctl"
must_fail 5 nbdvol rm data.pool root --wait=100ms
matches "$err" 'another server answers there'
must nbdvol info copy.pool root
# By hand, the way is known.
must nbdvol info "unix:$sockdir/ctl2" root
stop_nbdkit server
stop_nbdkit other
must nbdvol info data.pool root

# A server that was killed leaves its record and socket: no obstacle.
start_nbdkit server pool data.pool control="$sockdir/ctl"
kill_nbdkit server
pass_if test -S "$sockdir/ctl"
must nbdvol create data.pool new2 1M
must nbdvol check data.pool
must_fail 5 nbdvol info "unix:$sockdir/ctl"
