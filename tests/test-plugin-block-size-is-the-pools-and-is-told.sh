#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# block-size= is the block size of a new pool.  Clients are told: any byte is
# addressed, whole blocks are preferred, and 32 MiB is the maximum, whatever
# the pool's size.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

for size in 4096 16384 65536; do
  serve s create=64M block-size=$size
  must nbd_do "$s_uri" blocks write:1:$size:@1 read:1:$size:@1
  equal "$out" "1 $size $((32 << 20))" "minimum, preferred, maximum"
  matches "$(nbdvol info --json "$pool")" "\"block-size\": *$size\\b"
  stop_nbdkit s
  # It is fixed when the pool is made.
  serve s create=64M block-size=32768
  must nbd_do "$s_uri" blocks
  matches "$out" "^1 $size "
  stop_nbdkit s
  rm "$pool"
done
