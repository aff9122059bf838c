#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# nbdkit's own filters above the plugin: each alone and several together read
# back what was written, and find the holes.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

works ()
{
  start_nbdkit s "$@"
  must nbd_do "$s_uri" write:1M:64K:@1 zero:1M:4K trim:1028K:4K flush \
       read:1M:4K:0 read:1032K:32K:@1 cache:0:1M status:0:4M \
       write:1M:64K:@2 read:1M:64K:@2 flush
  stop_nbdkit s
  must nbdvol check "$pool"
}

args=(pool "$pool" create=8M control=off)
for filter in blocksize cache multi-conn nofilter readahead \
              retry stats truncate; do
  case $filter in
    stats) works --filter=stats "${args[@]}" statsfile="$tmpdir/stats" ;;
    blocksize) works --filter=blocksize "${args[@]}" minblock=4K ;;
    *) works --filter=$filter "${args[@]}" ;;
  esac
done
works --filter=stats --filter=retry --filter=cache --filter=blocksize \
      "${args[@]}" statsfile="$tmpdir/stats" minblock=512

# cow has no zero, and leaves the pool as it is.
start_nbdkit s --filter=cow "${args[@]}"
must nbd_do "$s_uri" read:1M:64K:@2 write:1M:64K:@3 flush read:1M:64K:@3
stop_nbdkit s
must nbdkit -U - "${args[@]}" --run "'$nbd_do' \$uri read:1M:64K:@2"
