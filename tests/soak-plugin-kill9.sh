#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# kill -9 under load, CYCLES (300) times, over a device that keeps in memory
# what was not flushed, with snapshots made all the while; then with a flush
# that does nothing.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"
abs_top_srcdir=$srcdir
source "$srcdir/acceptance/functions.sh"

use_seed
cycles=${CYCLES:-300}

cut_power ()
{
  local device=$1 n=$2
  shift 2
  "$builddir/tests/tools/power-cut" --socket="$sockdir/s" --cycles="$n" \
    --ms=500 --writers=8 --seed="$SEED" "$@" -- \
    nbdkit -f -U "$sockdir/s" pool-under-test file="$device" create=2M \
           pool-size=128M control="$sockdir/ctl"
}

out=$(cut_power "volatile(file:$pool,seed=%d)" "$cycles" --verb="
  n=\$((%d % 20))
  nbdvol rm -q --wait=0 --missing-ok 'unix:$sockdir/ctl' root@s\$n &&
  nbdvol snapshot -q --wait=0 'unix:$sockdir/ctl' root@s\$n") || true
echo "$out"
last=$(tail -n 1 <<<"$out")
violations=$(awk '{ print $7 }' <<<"$last")
equal "$violations" 0 "violations"
must nbdvol check "$pool"

# The same with the flush taken out.
rm "$pool"
out=$(cut_power "volatile(file:$pool,seed=%d)" 1)
found=0
out=$(cut_power "faulty(volatile(file:$pool,seed=%d),flush=1+:lie)" 10 2>&1) ||
  found=1
echo "$out"
equal $found 1 "loss without flush is found"
after=$(sed -n 's/.*cycle \([0-9]*\):.*/\1/p' <<<"$out" | head -n 1)
[ "$cycles" -ge 300 ] || exit 0
record kill9 "CYCLES=$cycles SEED=$SEED tests/soak-plugin-kill9.sh" \
       cycles="${last%% *}" violations="$violations" \
       found-after=$((after + 1)) seed="$SEED"
