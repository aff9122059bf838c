#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Trim, zero, cache and extents come with counts up to 4 GiB - 1: memory must
# not follow the count.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

serve s create=16G pool-size=512M
must nbd_do "$s_uri" write:0:64M:1 flush
before=$(awk '/^VmHWM/ { print $2 }' "/proc/$s_pid/status")
must nbd_do "$s_uri" zero:0:4294967295 zero:1G:4294967295:nohole \
     trim:2G:4294967295 trim:1:4294967295:fua cache:0:4294967295 \
     status:0:4294967295 zero:7:4294967295:fua flush read:0:64M:0
after=$(awk '/^VmHWM/ { print $2 }' "/proc/$s_pid/status")
between $((after - before)) 0 $((48 << 10)) "growth of peak memory in KiB"
