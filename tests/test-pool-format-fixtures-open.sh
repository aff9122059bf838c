#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The small pools that earlier releases left in tests/fixtures/ open: they
# check clean, every volume and snapshot has the bytes it had then, to the
# independent reader and to the command, and they can be written.  While they
# are, they have a ring, where they are large enough for one; closed, none that
# their release would have to know of.
set -e
source "$(dirname "$0")/lib/functions.sh"

# feature OFFSET: the flags there, in the newer slot.
feature ()
{
  local a b at=0
  a=$(od -An -tu8 -j112 -N8 "$pool")
  b=$(od -An -tu8 -j$((65536 + 112)) -N8 "$pool")
  [ "$a" -gt "$b" ] || at=65536
  od -An -tu8 -j$((at + $1)) -N8 "$pool" | tr -d ' '
}

fixtures=("$srcdir"/tests/fixtures/*.pool.gz)
between ${#fixtures[@]} 3 1000 "fixtures"

for fixture in "${fixtures[@]}"; do
  list=${fixture%.pool.gz}.list
  pool=$tmpdir/pool
  gzip -dc "$fixture" >"$pool"
  rm -rf "$tmpdir/dump"
  mkdir "$tmpdir/dump"
  must "$srcdir/tests/tools/pool-dump.py" "$pool" "$tmpdir/dump"
  equal "$(awk '{ print $1, $2, $3 }' <<<"$out" | LC_ALL=C sort)" \
        "$(cut -d' ' -f1-3 "$list" | LC_ALL=C sort)" "volumes by the reader"
  must nbdvol check "$pool"
  must nbdvol ls -H -p -o type,name,size "$pool"
  equal "$(tr '\t' ' ' <<<"$out")" "$(cut -d' ' -f1-3 "$list")" \
        "volumes by the command"
  while read -r _ name _ sum; do
    must nbdvol export --force "$pool" "$name" "$tmpdir/exported"
    equal "$(sha256sum <"$tmpdir/exported" | cut -c1-64)" "$sum" "$name"
    equal "$(sha256sum <"$tmpdir/dump/$name" | cut -c1-64)" "$sum" "$name"
  done <"$list"

  # And live on.
  first=$(awk '$1 == "volume" { print $2; exit }' "$list")
  must nbdvol rm -r "$pool" "$first"
  must nbdvol create "$pool" new-one 1M
  must nbdvol rm "$pool" new-one
  equal "$(feature 16)" 0 "incompatible features of a closed pool"
  ring=$(($(od -An -tu8 -j88 -N8 "$pool") - 4 > 1))
  equal "$(feature 32)" $ring "compatible features"
  must nbdvol check "$pool"
  must "$srcdir/tests/tools/pool-dump.py" "$pool"
done
