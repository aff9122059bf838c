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

# until_full VOLUME COMMAND...: how many of them succeed before ENOSPC.
until_full ()
{
  local volume=$1 said command
  shift
  done_n=$#
  said=$(nbd_do "$(uri s "$volume")" "$@" 2>&1) && return 0
  matches "$said" ': No space left on device' "failure of a write"
  done_n=0
  for command; do
    [[ $said != "nbd-do: $command: "* ]] || return 0
    done_n=$((done_n + 1))
  done
  fail "this was not asked for: $said"
}

# Write MiB after MiB, then block after block, until nothing fits.  $1 is the
# volume, $2 the first free MiB of it.
fill ()
{
  local i commands=()
  for ((i = $2; i <= $2 + pool_mib; i++)); do
    commands+=("write:${i}M:1M:@$i")
  done
  until_full "$1" "${commands[@]}"
  filled_mib=$(($2 + done_n))
  commands=()
  for ((i = 0; i < 256; i++)); do
    commands+=("write:$(((filled_mib << 20) + i * 4096)):4K:@1")
  done
  until_full "$1" "${commands[@]}"
  between $done_n 0 255 "blocks of a MiB that did not fit"
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
  scattered=()
  for ((block = 1; block < filled_mib * 128; block++)); do
    scattered+=("write:$((block * 8192)):4K:@5")
  done
  until_full a "${scattered[@]}"
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
