#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Free slabs are given back to the file system, except with discard=never.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

blocks ()
{
  echo $(($(stat -c %b "$pool") * 512))
}
shrunk ()
{
  [ "$(blocks)" -lt $((32 << 20)) ]
}
write_and_trim ()
{
  must nbd_do "$s_uri" write:0:128M:@1 flush
  full=$(blocks)
  between "$full" $((128 << 20)) $((256 << 20)) "bytes used when full"
  must nbd_do "$s_uri" trim:0:128M flush
}

serve s create=128M discard=slab
write_and_trim
start=$SECONDS
wait_until 60 shrunk
took=$((SECONDS - start))
stop_nbdkit s
rm "$pool"

# Twice the time that this took, with commits all the while.
serve s create=128M discard=never
write_and_trim
end=$((SECONDS + 2 * took + 3))
while [ $SECONDS -lt $end ]; do
  nbd_do "$s_uri" write:0:4K:@1 flush trim:0:4K flush
done
between "$(blocks)" "$full" $((256 << 20)) "bytes used after discard=never"
stop_nbdkit s
between "$(blocks)" "$full" $((256 << 20)) "bytes used at the end"
