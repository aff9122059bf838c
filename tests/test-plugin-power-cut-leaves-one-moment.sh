#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# kill -9 under load over a device that loses what was not flushed: nothing
# is lost that a FLUSH or FUA acknowledged, and all sectors are from one
# moment.  acceptance/kill9.sh does the same 300 times.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

use_seed
must timeout 300 "$builddir/tests/tools/power-cut" --socket="$sockdir/s" \
     --cycles="${CYCLES:-15}" --ms=300 --seed="$SEED" \
     --verb="n=\$((%d % 10))
       nbdvol rm -q --wait=0 --missing-ok 'unix:$sockdir/ctl' root@s\$n &&
       nbdvol snapshot -q --wait=0 'unix:$sockdir/ctl' root@s\$n" -- \
     nbdkit -f -U "$sockdir/s" pool-under-test create=2M pool-size=64M \
            file="volatile(file:$pool,seed=%d)" control="$sockdir/ctl"
matches "$out" ' 0 violations$'
must nbdvol check "$pool"
