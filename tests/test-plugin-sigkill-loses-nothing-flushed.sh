#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A power cut (kill -9 over a device that keeps unflushed writes in memory)
# loses nothing that a FLUSH or a FUA write acknowledged, on any connection,
# and does lose what neither did: else this test would prove nothing.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

use_seed
device="volatile(file:$pool,seed=$SEED)"
serve_under_test s "$device" create=64M
must nbd_do "$s_uri" write:0:1M:@1
# Another connection's flush covers it.
must nbd_do "$s_uri" flush
must nbd_do "$s_uri" write:2M:1M:@3
kill_nbdkit s

serve_under_test s "$device"
must nbd_do "$s_uri" read:0:1M:@1 read:2M:1M:0
# FUA, and no flush at all.
must nbd_do "$s_uri" write:1M:1M:@2:fua
must nbd_do "$s_uri" zero:0:64K:fua
must nbd_do "$s_uri" trim:64K:64K:fua
must nbd_do "$s_uri" write:2M:1M:@3
kill_nbdkit s

serve_under_test s "$device"
must nbd_do "$s_uri" read:0:128K:0 read:1M:1M:@2 read:2M:1M:0
must nbd_do "$s_uri" write:0:1M:@1 flush read:0:1M:@1
