#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# metadata-cache= is how much memory the volumes' maps may take: with 1M a
# volume whose map is 80 MiB is written and read in full, and the server
# stays small; with more it takes more.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

peak ()
{
  awk '/^VmHWM/ { print $2 * 1024 }' "/proc/$s_pid/status"
}

# One block in every MiB: each leaf of the map is needed for one entry.
serve s create=32G pool-size=512M metadata-cache=1M -t 1
must nbd_do "$s_uri" scatter:20000:1M:@1 flush
must nbd_do "$s_uri" gather:20000:1M:@1
between "$(peak)" 1 $((48 << 20)) "peak memory with a cache of 1M"
stop_nbdkit s

serve s metadata-cache=256M -t 1
must nbd_do "$s_uri" gather:20000:1M:@1
between "$(peak)" $((80 << 20)) $((256 << 20)) "peak memory with 256M"
