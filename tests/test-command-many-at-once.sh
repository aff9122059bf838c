#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Many nbdvol at the same time: without a server they wait for each other,
# through one they run side by side; each does what it was asked for.
set -e
source "$(dirname "$0")/lib/functions.sh"
cd "$tmpdir"

must nbdvol init data.pool 64M
must nbdvol create data.pool root 8M

one ()
{
  nbdvol snapshot data.pool "root@$1" --wait=60s
  nbdvol clone data.pool "root@$1" "clone$1" --wait=60s
  nbdvol ls data.pool "clone$1" --wait=60s
  nbdvol rm data.pool "root@$1" --wait=60s
  [ "$1" = 3 ] || nbdvol rename data.pool "clone$1" "done$1" --wait=60s
}

all_at_once ()
{
  local i pids=()
  for i in 1 2 3 4 5 6 7 8; do
    one "$i" >/dev/null &
    pids+=($!)
  done
  for i in "${pids[@]}"; do
    wait "$i" || fail "one of many failed"
    passed
  done
  must nbdvol ls data.pool -H -o name
  equal "$(tr '\n' ' ' <<<"$out")" \
        'clone3 done1 done2 done4 done5 done6 done7 done8 root '
  must nbdvol rm data.pool clone3 done{1,2,4,5,6,7,8}
  must nbdvol check data.pool
}

all_at_once
start_nbdkit server pool data.pool control="$sockdir/ctl"
all_at_once
