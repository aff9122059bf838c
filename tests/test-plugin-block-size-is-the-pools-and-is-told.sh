#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# block-size= is the block size of a new pool.  Clients are told: any byte is
# addressed, whole blocks are preferred, and the longest request that is
# taken or refused as a whole is the maximum.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

for size in 4096 16384 65536; do
  serve s create=64M block-size=$size
  must nbd_do "$s_uri" blocks write:1:$size:@1 read:1:$size:@1
  matches "$out" "^1 $size [0-9]+\$"
  between "${out##* }" $size $((32 << 20)) "maximum"
  matches "$(nbdvol info --json "$pool")" "\"block-size\": *$size\\b"
  stop_nbdkit s
  # It is fixed when the pool is made.
  serve s create=64M block-size=32768
  must nbd_do "$s_uri" blocks
  matches "$out" "^1 $size "
  stop_nbdkit s
  rm "$pool"
done
