#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A volume is as long as create and resize were told, to the byte: 16 TiB and
# 4 KiB (beyond 32 bits of blocks), odd sizes, and the largest.
set -e
source "$(dirname "$0")/lib/functions.sh"
cd "$tmpdir"

must nbdvol init data.pool 64M

is_exactly ()
{
  equal "$(nbdvol info data.pool "$1" -Hpo size)" "$2" "size of $1"
  must nbdvol ls data.pool "$1" --json
  matches "$out" "\"size\":$2[,}]"
}

for size in 17592186048512 1 511 4095 4097 1099511627777 4503599627370496; do
  must nbdvol create data.pool "v$size" "$size"
  is_exactly "v$size" $size
done
must nbdvol create data.pool lab 1M
must nbdvol resize data.pool lab 17592186048512
is_exactly lab 17592186048512
must nbdvol snapshot data.pool lab@a
is_exactly lab@a 17592186048512
must nbdvol resize data.pool lab 4097 --shrink
is_exactly lab 4097
must nbdvol rollback data.pool lab@a
is_exactly lab 17592186048512

# On the wire as well, and the last bytes can be written and read.
start_nbdkit server pool data.pool control="$sockdir/ctl"
uri="nbd+unix:///v17592186048512?socket=$server_sock"
must "$builddir/tests/tools/nbd-do" "$uri" size \
     write:17592186044416:4K:7 flush read:17592186044416:4K:7
equal "$out" 17592186048512 "size on the wire"
