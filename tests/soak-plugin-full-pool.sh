#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A full pool, ROUNDS (100) times: filled to the last block; requests of
# 4 KiB, 1 MiB and 32 MiB refused with ENOSPC having changed nothing (the hash
# of every volume and snapshot and all counters, also after kill -9);
# overwrites of TIMES (10) times the pool's size from 4 connections with a flush
# every 8; a snapshot of scattered blocks, then refused again; trim, removal of
# all snapshots and volumes; and again.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"
abs_top_srcdir=$srcdir
source "$srcdir/acceptance/functions.sh"

use_seed
rounds=${ROUNDS:-100}
pool_mib=${POOL_MIB:-16}
times=${TIMES:-10}
overwritten=0
refused=0
changed=0

# Names, sizes, counters and contents of everything, once what was
# overwritten has been given back.
state ()
{
  local name
  nbd_do "$(uri s a)" flush flush
  nbdvol ls -H -p -o name,type,size,used,exclusive,origin "$pool"
  nbdvol info --json "$pool" |
    tr ',{}' '\n' | grep -E '"(capacity|used|volumes|snapshots)"'
  for name in $(nbdvol ls -H -o name "$pool"); do
    echo "$name $(nbdvol export -q "$pool" "$name" - | sha256sum)"
  done
}

# Write MiB after MiB, then block after block, until nothing fits.  $1 is the
# volume, $2 the first free MiB of it.
fill ()
{
  local mib=$2 block
  while nbd_do "$(uri s "$1")" "write:${mib}M:1M:@$mib" 2>/dev/null; do
    mib=$((mib + 1))
  done
  block=0
  while nbd_do "$(uri s "$1")" "write:$(((mib << 20) + block * 4096)):4K:@1" \
               2>/dev/null; do
    block=$((block + 1))
    [ $block -lt 256 ] || fail "a MiB fitted in blocks but not as a whole"
  done
  filled_mib=$mib
}

# Count it if something is not as it was in the file before.
nothing_changed ()
{
  state >"$tmpdir/after"
  diff "$tmpdir/before" "$tmpdir/after" || changed=$((changed + 1))
}

# Requests that do not fit, onto an untouched part of volume $1.
refuse ()
{
  state >"$tmpdir/before"
  must nbd_do "$(uri s "$1")" 'ENOSPC!write:64M:4K:7' \
       'ENOSPC!write:64M:1M:7' 'ENOSPC!write:64M:32M:7' \
       'ENOSPC!write:67108869:32M:7:fua' flush
  refused=$((refused + 4))
  nothing_changed
}

serve s create=100M volume=a pool-size="${pool_mib}M"
stop_nbdkit s
serve s
must nbdvol create "$pool" b 32M
for ((round = 1; round <= rounds; round++)); do
  must nbd_do "$(uri s b)" write:0:512K:@9
  nbdvol snapshot "$pool" b@old
  fill a 0
  refuse a
  [ $((round % 10)) -ne 1 ] || {
    kill_nbdkit s
    serve s
    nothing_changed
  }
  bytes=$((pool_mib * times << 20))
  must "$builddir/tests/tools/random-writes" "$(uri s a)" \
       --length=$((filled_mib << 20)) --total=$bytes --writers=4 \
       --flush-every=8 --seed=$((SEED + round))
  overwritten=$((overwritten + bytes))
  refuse a

  # A snapshot sets metadata aside for unsharing these scattered blocks, so
  # it needs some room.  Overwriting them then takes new space, until there is
  # none.
  must nbd_do "$(uri s a)" "trim:$((filled_mib - 2))M:3M" flush
  must nbdvol snapshot "$pool" a@scattered
  block=1
  while nbd_do "$(uri s a)" "write:$((block * 8192)):4K:@5" 2>/dev/null; do
    block=$((block + 1))
  done
  state >"$tmpdir/before"
  must nbd_do "$(uri s a)" "ENOSPC!write:0:1M:5" "ENOSPC!write:1:8M:5:fua" \
       "ENOSPC!write:0:4K:5" flush
  refused=$((refused + 3))
  nothing_changed
  must nbd_do "$(uri s a)" trim:0:100M flush
  must nbdvol rm -q "$pool" a@scattered b@old
  case $((round % 2)) in
    0) must nbdvol rm -q -r "$pool" b
       must nbdvol create -q "$pool" b 32M ;;
    1) must nbd_do "$(uri s b)" zero:0:32M flush ;;
  esac
  must nbdvol check -q "$pool"
done
[ "$rounds" -lt 100 ] ||
  record full-pool "ROUNDS=$rounds SEED=$SEED tests/soak-plugin-full-pool.sh" \
         rounds="$rounds" refused="$refused" changed="$changed" \
         overwritten-mib=$((overwritten >> 20)) seed="$SEED"
equal "$changed" 0 "times that refused requests had changed something"
