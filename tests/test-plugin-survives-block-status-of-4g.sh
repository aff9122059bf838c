#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# nbdkit 1.32 ends with a failed assertion when a plugin answers a block
# status of 2^32-1 bytes with an extent beyond the request.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

serve s create=6G pool-size=64M
must nbd_do "$s_uri" status:0:4294967295 status:0:4294967295:one \
     status:1:4294967295 status:2147483648:4294967295 read:0:4K:0
# Everything that is said lies in the request.
must nbd_do "$s_uri" write:1M:4K:1 write:5G:4K:1 status:4K:4294963200
equal "$(awk '{ sum += $2 } END { printf "%.0f", sum }' <<<"$out")" 4294963200
must nbd_do "$s_uri" status:0:4294967295
equal "$(awk '{ sum += $2 } END { printf "%.0f", sum }' <<<"$out")" 4294967295
must nbd_do "$s_uri" 'EINVAL!status:4G:4294967295' size
pass_if kill -0 "$s_pid"
