#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A request that does not fit is refused as a whole, however large it is and
# however much of it would fit: every volume and snapshot and all counters are
# as before, also after kill -9.  (What is still available is an estimate that
# follows how much of the file is allocated; it may move a little.)
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

state ()
{
  local name
  nbdvol ls -H -p -o name,type,size,used,exclusive,origin "$pool"
  nbdvol info --json "$pool" | tr ',{}' '\n' |
    grep -E '"(capacity|used|volumes|snapshots)"'
  for name in $(nbdvol ls -H -o name "$pool"); do
    echo "$name $(nbdcopy "$(uri s "$name")" - | sha256sum)"
  done
}

available ()
{
  nbdvol info --json "$pool" | sed -n 's/.*"available":\([0-9]*\).*/\1/p'
}

refused ()
{
  local free
  free=$(available)
  state >"$tmpdir/before"
  must nbd_do "$(uri s a)" "$@" flush
  state >"$tmpdir/after"
  must diff "$tmpdir/before" "$tmpdir/after"
  between "$(available)" $((free - 65536)) $((free + 65536)) "available"
}

serve s create=200M volume=a pool-size=64M
stop_nbdkit s
serve s
must nbdvol create "$pool" b 64M
must nbd_do "$(uri s b)" write:0:4M:@1
must nbdvol snapshot "$pool" b@s
must nbd_do "$(uri s a)" write:0:40M:@2 flush
refused 'ENOSPC!write:128M:32M:@3' 'ENOSPC!write:134217729:32M:@3:fua' \
        'ENOSPC!write:128M:64M:@3'
mib=40
while nbd_do "$(uri s a)" "write:${mib}M:1M:@$mib" 2>/dev/null; do
  mib=$((mib + 1))
done
refused 'ENOSPC!write:128M:32M:@3' 'ENOSPC!write:128M:1M:@3' \
        'ENOSPC!write:134217729:1M:@3'
kib=$((mib * 1024))
while nbd_do "$(uri s a)" "write:${kib}K:4K:@$kib" 2>/dev/null; do
  kib=$((kib + 4))
done
refused 'ENOSPC!write:128M:4K:@3' 'ENOSPC!write:134217729:1:1' \
        'ENOSPC!write:134217729:8K:@3' 'ENOSPC!write:128M:1M:@3' \
        'ENOSPC!write:128M:32M:@3'
kill_nbdkit s
serve s
state >"$tmpdir/after"
must diff "$tmpdir/before" "$tmpdir/after"
must nbdvol check "$pool"
