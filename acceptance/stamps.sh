#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What a snapshot of a volume under overlapping writers holds: every stamp
# answered before it was asked for, none issued after it returned, per block
# an order that one writer could have made.
set -e
source "$(dirname "$0")/functions.sh"
source "$(dirname "$0")/../tests/lib/functions.sh"
source "$(dirname "$0")/../tests/lib/plugin.sh"

use_seed
serve s create=64M pool-size=512M
out=$("$builddir/tests/tools/stamps" "$s_uri" "$(uri s root@s%d)" \
      --writers=8 --snapshots=200 --seconds=30 --seed="$SEED" \
      --snapshot="nbdvol snapshot '$pool' root@s%d") || true
echo "$out"
last=$(tail -n 1 <<<"$out")
figure_line "stamps: writes" "${last%% *}" '>=' 10000
figure_line "stamps: violations in 200 snapshots" \
            "$(awk '{ print $5 }' <<<"$last")" == 0
