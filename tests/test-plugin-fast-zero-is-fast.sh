#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Zeroing is always fast, so a FAST_ZERO request is done, not refused, and
# takes far less than writing would.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

serve s create=4G pool-size=256M
must nbd_do "$s_uri" write:1:64M:@1 'ms=2000!zero:0:4294967295:fast' \
     read:0:64M:0 read:64M:1M:0
must nbd_do "$s_uri" write:0:64M:@1 'ms=1000!zero:4097:1M:fast' \
     read:0:4097:@1 read:4097:1M:0
