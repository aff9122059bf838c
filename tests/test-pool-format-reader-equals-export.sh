#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Pools with a random history, closed or left as by a crash: the reader that
# was written from docs/pool-format.md alone finds nothing wrong in them, and
# makes of every volume and snapshot the same bytes as `nbdvol export`.
# HISTORIES says how many; SEED is the first.
set -e
source "$(dirname "$0")/lib/functions.sh"

use_seed
pool=$tmpdir/pool
histories=${HISTORIES:-12}

# compare: the reader's dump of $pool and the exports, and both lists.
compare ()
{
  local name
  rm -rf "$tmpdir/dump" "$tmpdir/export"
  mkdir "$tmpdir/dump" "$tmpdir/export"
  must "$srcdir/tests/tools/pool-dump.py" "$pool" "$tmpdir/dump"
  awk '{ print $1, $2, $3 }' <<<"$out" | sort >"$tmpdir/dump.list"
  must nbdvol ls -H -p -o type,name,size "$pool"
  tr '\t' ' ' <<<"$out" | sort >"$tmpdir/export.list"
  pass_if diff "$tmpdir/dump.list" "$tmpdir/export.list"
  while read -r _ name _; do
    must nbdvol export "$pool" "$name" "$tmpdir/export/$name"
  done <"$tmpdir/export.list"
  pass_if diff -r "$tmpdir/dump" "$tmpdir/export"
}

for ((i = 0; i < histories; i++)); do
  block_size=$((4096 << (i % 3 * 2)))
  blocks=$((64 << i % 4))
  end=close
  [ $((i % 2)) -eq 0 ] || end=crash
  must "$builddir/tests/pool-history" "$pool" $blocks $block_size \
       $((SEED + i)) 150 $end
  compare
done
