#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The judge of test-plugin-power-cut-leaves-one-moment has teeth: on a disk
# whose flush does nothing, loss is found within 10 cycles.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

use_seed
must nbdkit -U - pool "$pool" create=2M pool-size=64M control=off --run true
must_fail 1 timeout 300 "$builddir/tests/tools/power-cut" \
     --socket="$sockdir/s" --cycles=10 --ms=300 --seed="$SEED" -- \
     nbdkit -f -U "$sockdir/s" pool-under-test control=off \
            file="faulty(volatile(file:$pool,seed=%d),flush=1+:lie)"
matches "$out$err" 'lost|the server ended by itself'
