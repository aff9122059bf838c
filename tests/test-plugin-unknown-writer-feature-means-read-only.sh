#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A pool with a feature that only writers must know is served read-only, the
# log says so, and not a byte of it is changed.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

must nbdkit -U - pool "$pool" create=4M control=off \
     --run "'$nbd_do' \$uri write:0:1M:@1 flush"
must /usr/bin/python3 "$srcdir/tests/tools/bend-superblock.py" "$pool" \
     all 24:8=1
before=$(sha256sum <"$pool")
serve s
must nbd_do "$s_uri" flags read:0:1M:@1 'EPERM!write:0:4K:1' flush
matches "$out" '^readonly=1 '
must_fail 1 nbdvol create "unix:$sockdir/s.ctl" other 1M
stop_nbdkit s
matches "$(cat "$s_log")" "nbdvol: $pool: opened read-only"
equal "$(sha256sum <"$pool")" "$before" "the pool's bytes"
