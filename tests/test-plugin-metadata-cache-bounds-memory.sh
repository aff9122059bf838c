#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# metadata-cache= is how much memory the volumes' maps may take: with 1M a
# volume whose map is some 8 MiB is written and read in full, and the server
# stays small.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

rss ()
{
  awk '/^VmHWM/ { print $2 * 1024 }' "/proc/$s_pid/status"
}

# One block in every 256: each leaf of the map is needed for one entry.
serve s create=32G pool-size=256M metadata-cache=1M -t 1
writes=()
for ((i = 0; i < 4000; i++)); do
  writes+=("write:$((i << 20)):4K:@$i")
done
nbd_do "$s_uri" "${writes[@]}" flush >/dev/null
passed
nbd_do "$s_uri" "${writes[@]/write/read}" >/dev/null
passed
small=$(rss)
between "$small" 1 $((40 << 20)) "peak memory with a cache of 1M"
