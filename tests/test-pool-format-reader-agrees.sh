#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The reader that was written from docs/pool-format.md alone makes of every
# hand-built pool exactly the volumes and snapshots that were built into it,
# names damage, and refuses what it must not read.
set -e
source "$(dirname "$0")/lib/functions.sh"

reader=("$srcdir/tests/tools/pool-dump.py")
samples=$tmpdir/samples
mkdir "$samples"
must "$builddir/tests/pool-samples" "$samples"

for pool in "$samples"/*.pool; do
  name=$(basename "$pool" .pool)
  mkdir "$tmpdir/$name"
  # No file system takes the volumes of this one.
  if [ "$name" = deep ]; then
    must "${reader[@]}" "$pool"
  else
    must "${reader[@]}" "$pool" "$tmpdir/$name"
    pass_if diff -r "$samples/$name" "$tmpdir/$name"
  fi
  equal "$(sort <<<"$out")" "$(sort "$samples/$name.list")" "list of $name"
done

# Holes stay holes: the volume of 312 MiB has three blocks of 64 KiB.
between "$(du -k "$tmpdir/big-blocks/big" | cut -f1)" 1 1024

# One byte changed in any block in use: 1.  (The superblock has four copies.)
damage ()
{
  cp "$samples/one-volume.pool" "$tmpdir/damaged"
  printf 'X' | dd of="$tmpdir/damaged" bs=1 seek="$1" conv=notrunc status=none
}
in_use=0
for block in 1 2 3 4 5 6 7; do
  damage $((block * 4096 + 2000))
  rc=0
  "${reader[@]}" "$tmpdir/damaged" >"$tmpdir/out" 2>"$tmpdir/err" || rc=$?
  between $rc 0 1 "exit code"
  in_use=$((in_use + rc))
done
# Two data blocks, map, table, space, backed slabs.
equal $in_use 6 "blocks in use"

# Not a pool, cut short, a newer version: 2.
truncate -s 1M "$tmpdir/empty-file"
must_fail 2 "${reader[@]}" "$tmpdir/empty-file"
cp "$samples/family.pool" "$tmpdir/short"
truncate -s 300K "$tmpdir/short"
must_fail 2 "${reader[@]}" "$tmpdir/short"
must_fail 2 "${reader[@]}"

# Both slots gone: the twins at the end of the backing serve.
cp "$samples/family.pool" "$tmpdir/twins"
for at in 0 65536; do
  dd if=/dev/zero of="$tmpdir/twins" bs=1 seek=$at count=512 conv=notrunc \
     status=none
done
must "${reader[@]}" "$tmpdir/twins"
equal "$(sort <<<"$out")" "$(sort "$samples/family.list")" "by the twins"
