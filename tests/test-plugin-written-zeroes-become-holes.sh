#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A block that is written full of zeroes takes no space, and gives back what
# it had; block status shows it as a hole; it reads as zeroes, also after a
# restart.  So it is for whole blocks in a request that has others as well,
# and for a block of which one write after the other makes zeroes.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

used ()
{
  nbdvol ls -H -p -o used "$pool" root
}
pool_used ()
{
  nbdvol info --json "$pool" | sed -n 's/.*"used":\([0-9]*\).*/\1/p'
}
map ()
{
  nbdinfo --map "$s_uri" | awk '{ printf "%s %s %s;", $1, $2, $3 }'
}
hole="0 $((16 << 20)) 3;"

serve s create=16M
empty=$(pool_used)
must nbd_do "$s_uri" write:0:8M:0 write:8M:4K:0:fua flush
equal "$(used)" 0 "used after zeroes on nothing"
equal "$(map)" "$hole" "map"
equal "$(pool_used)" "$empty" "used of the pool"

# Over data.
must nbd_do "$s_uri" write:1M:4M:@1 flush
equal "$(used)" $((4 << 20)) "used after data"
must nbd_do "$s_uri" write:1M:2M:0 flush
equal "$(used)" $((2 << 20)) "used after zeroes on half of it"
equal "$(map)" "0 $((3 << 20)) 3;$((3 << 20)) $((2 << 20)) 0;$((5 << 20)) \
$((11 << 20)) 3;" "map"
must nbd_do "$s_uri" write:3M:2M:0:fua flush
equal "$(used)" 0 "used after zeroes on all of it"
equal "$(map)" "$hole" "map"
must nbdvol check "$pool"
between "$(pool_used)" 0 $((empty + 16 * 4096)) "used of the pool"

# Zeroes between data in one request.
{ head -c 64K /dev/urandom; head -c 128K /dev/zero
  head -c 64K /dev/urandom; } >"$tmpdir/mixed"
truncate -s 16M "$tmpdir/mixed"
must nbdcopy --sparse=0 --request-size=262144 "$tmpdir/mixed" "$s_uri"
must nbd_do "$s_uri" flush
equal "$(used)" $((128 << 10)) "used after a mixed request"
nbdcopy "$s_uri" - >"$tmpdir/out"
must cmp "$tmpdir/mixed" "$tmpdir/out"

# A block that becomes zeroes in two halves.
must nbd_do "$s_uri" trim:0:16M write:0:4K:@1 write:0:2K:0 flush
equal "$(used)" 4096 "used by half a block"
must nbd_do "$s_uri" write:2K:2K:0 flush
equal "$(used)" 0 "used by a block made zero in halves"

# What a snapshot holds stays.
must nbd_do "$s_uri" write:0:1M:@2 flush
must nbdvol snapshot "$pool" root@s
must nbd_do "$s_uri" write:0:1M:0 flush
equal "$(used)" 0 "used of the volume"
equal "$(nbdvol ls -H -p -o used "$pool" root@s)" $((1 << 20)) "... snapshot"
stop_nbdkit s

serve s
must nbd_do "$(uri s root@s)" read:0:1M:@2
equal "$(nbdinfo --map "$(uri s root)" | wc -l)" 1 "extents after a restart"
must nbd_do "$(uri s root)" read:0:16M:0
