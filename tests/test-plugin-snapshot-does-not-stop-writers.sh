#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Snapshots of a volume under load take effect between two writes: the load
# sees no error, and each snapshot holds everything that was answered before
# it was asked for, nothing that was issued after it was done, all from one
# moment.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

use_seed
serve s create=64M
must "$builddir/tests/tools/stamps" "$s_uri" "$(uri s root@s%d)" \
     --writers=4 --snapshots=30 --seconds=4 --seed="$SEED" \
     --snapshot="nbdvol snapshot '$pool' root@s%d"
matches "$out" '[0-9]+ writes, 30 snapshots, 0 violations$'
