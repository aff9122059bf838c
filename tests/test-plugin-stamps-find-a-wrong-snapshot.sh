#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The judge of test-plugin-snapshot-does-not-stop-writers has teeth: it finds
# snapshots that were taken too early, and too late.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

use_seed
serve s create=4M
must nbdvol snapshot "$pool" root@early0
must nbdvol snapshot "$pool" root@early1
must_fail 1 "$builddir/tests/tools/stamps" "$s_uri" "$(uri s root@early%d)" \
          --snapshots=2 --seconds=1 --seed="$SEED" --snapshot="true %d"
matches "$out" 'snapshot 0: sector [0-9]+: lost: '
# The volume itself in the place of its snapshot.
must_fail 1 "$builddir/tests/tools/stamps" "$s_uri" "$(uri s root)#%d" \
          --snapshots=2 --seconds=1 --seed="$SEED" --snapshot="true %d"
matches "$out" 'snapshot 0: sector [0-9]+: future: '
