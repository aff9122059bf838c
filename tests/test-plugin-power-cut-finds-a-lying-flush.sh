#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The judge of test-plugin-power-cut-leaves-one-moment has teeth.  Without
# flush (nbdkit's filter takes it out in front of the plugin), what is lost is
# found within 10 cycles; on a disk whose flush does nothing, that or a pool
# that is in pieces.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

use_seed
cut_power ()
{
  rm -f "$pool"
  must nbdkit -U - pool "$pool" create=2M pool-size=64M control=off --run true
  must_fail 1 timeout 300 "$builddir/tests/tools/power-cut" \
       --socket="$sockdir/s" --cycles=10 --ms=300 --seed="$SEED" -- \
       nbdkit -f -U "$sockdir/s" "$@"
}
cut_power --filter=fua pool-under-test "volatile(file:$pool,seed=%d)" \
          control=off fuamode=discard
matches "$out" 'cycle [0-9]: sector [0-9]+: lost: '

cut_power pool-under-test "faulty(volatile(file:$pool,seed=%d),flush=1+:lie)" \
          control=off
in_pieces='checksum error|copies of generation [0-9]+ are damaged'
matches "$out$err" \
        "sector [0-9]+: lost: |($in_pieces).*the server ended by itself"
