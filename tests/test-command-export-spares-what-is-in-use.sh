#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# export --force does not overwrite a file that somebody has locked: the pool
# itself, whatever text names it, another pool that is served, the disk of a
# virtual machine.
set -e
source "$(dirname "$0")/lib/functions.sh"
cd "$tmpdir"

must nbdvol init data.pool 64M
must nbdvol create data.pool root 1M
must nbdvol init other.pool 64M
must nbdvol create other.pool kept 1M

for pool in data.pool file:data.pool 'file(data.pool)' \
            'slice(data.pool,0,64M)'; do
  must_fail 1 nbdvol export "$pool" root data.pool --force
  matches "$err" ': (data\.pool: )?(is the pool itself|in use by another proc)'
  equal "$(wc -l <<<"$err")" 1 "lines of the message"
done
must nbdvol info data.pool root

start_nbdkit server pool other.pool control="$sockdir/ctl"
ln -s other.pool link
for target in other.pool link; do
  must_fail 1 nbdvol export data.pool root $target --force
  equal "$err" "nbdvol: export: data.pool: $target: in use by another \
process (it is locked)"
done
must nbdvol info other.pool kept
stop_nbdkit server
equal "$(find . -name '.nbdvol*')" ''

# qemu locks some bytes of a disk.
truncate -s 1M disk
qemu-nbd -f raw -k "$sockdir/qemu" --pid-file="$tmpdir/pid" disk &
qemu=$!
wait_until 20 test -s pid
must_fail 1 nbdvol export data.pool root disk --force
matches "$err" ': disk: in use by another process'
kill $qemu
wait $qemu || true
must nbdvol export data.pool root disk --force
