#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# One bad copy of the superblock: the pool is opened from the other, with a
# warning in the log, and mended.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

serve s create=16M
must nbd_do "$s_uri" write:0:1M:@1 flush
stop_nbdkit s
must /usr/bin/python3 "$srcdir/tests/tools/bend-superblock.py" "$pool" \
     slots 200:4^0xdeadbeef
rm "$s_log"
serve s
must nbd_do "$s_uri" read:0:1M:@1 write:1M:1M:@2 flush
stop_nbdkit s
matches "$(cat "$s_log")" "nbdvol: $pool: .*superblock"
rm "$s_log"
serve s
must nbd_do "$s_uri" read:0:1M:@1 read:1M:1M:@2
lacks "$(cat "$s_log")" 'data\.pool: .*superblock'
must nbdvol check "$pool"
