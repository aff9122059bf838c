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

# cut_power DEVICE CYCLES FILTER-OPTIONS PARAMETERS [OPTION...]
cut_power ()
{
  local device=$1 n=$2 before=$3 after=$4
  shift 4
  # shellcheck disable=SC2086 # words
  "$builddir/tests/tools/power-cut" --socket="$sockdir/s" --cycles="$n" \
    --ms=500 --writers=8 --seed="$SEED" "$@" -- \
    nbdkit -f $before -U "$sockdir/s" pool-under-test file="$device" \
           create=2M pool-size=128M control="$sockdir/ctl" $after
}

rc=0
out=$(cut_power "volatile(file:$pool,seed=%d)" "$cycles" '' '' --verb="
  n=\$((%d % 20))
  nbdvol rm -q --wait=0 --missing-ok 'unix:$sockdir/ctl' root@s\$n &&
  nbdvol snapshot -q --wait=0 'unix:$sockdir/ctl' root@s\$n") || rc=$?
echo "$out"
last=$(tail -n 1 <<<"$out")
violations=$(awk '/ cycles, .* violations$/ { print $7 }' <<<"$last")
done_cycles=${last%% *}
checked=0
nbdvol check "$pool" || checked=$?

# Without flush: nbdkit's filter takes it out in front of the plugin.  It is
# the loss that must be found: a server that does not start, or a client that
# fails, is no proof.
rm "$pool"
out=$(cut_power "volatile(file:$pool,seed=%d)" 10 --filter=fua \
                fuamode=discard 2>&1) || true
echo "$out"
after=$(sed -n 's/^cycle \([0-9]*\): sector [0-9]*: lost: .*/\1/p' <<<"$out" |
          head -n 1)
found_after=${after:+$((after + 1))}

[ "$cycles" -lt 300 ] ||
  record kill9 "CYCLES=$cycles SEED=$SEED tests/soak-plugin-kill9.sh" \
         cycles="${done_cycles:-0}" violations="${violations:-unknown}" \
         check="$checked" found-after="${found_after:-never}" seed="$SEED"
equal "$rc ${violations:-unknown}" "0 0" "exit code and violations"
equal "$checked" 0 "exit code of nbdvol check"
between "${found_after:-11}" 1 10 "cycles until the loss was found"
