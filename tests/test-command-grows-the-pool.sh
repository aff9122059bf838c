#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# grow makes the pool and its file larger, or takes in a file that has become
# larger; what is in the pool stays, and the new space can be used.  Never
# smaller.  The same while the pool is served.
set -e
source "$(dirname "$0")/lib/functions.sh"
cd "$tmpdir"

capacity () { nbdvol info data.pool -Hpo capacity; }

must nbdvol init data.pool 16M
head -c 10M /dev/urandom >image
must nbdvol import data.pool a image
must_fail 6 nbdvol import data.pool b image
must nbdvol grow data.pool 32M
equal "$(capacity)" $((32 << 20))
equal "$(stat -c %s data.pool)" $((32 << 20))
must nbdvol import data.pool b image

truncate -s 48M data.pool
equal "$(capacity)" $((32 << 20))
must nbdvol grow data.pool
equal "$(capacity)" $((48 << 20))
must nbdvol grow data.pool --json
equal "$out" "{\"capacity\":$((48 << 20)),\"changed\":false}"
must_fail 1 nbdvol grow data.pool 32M
matches "$err" 'cannot get smaller'

start_nbdkit server pool data.pool control="$sockdir/ctl"
must nbdvol grow data.pool 64M
equal "$(capacity)" $((64 << 20))
must nbdvol import data.pool c image
stop_nbdkit server
must nbdvol check data.pool
for name in a b c; do
  nbdvol export data.pool $name - | cmp - image
  passed
done
