#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Pools with a random history, closed or left as by a crash: the reader that
# was written from docs/pool-format.md alone finds nothing wrong in them, and
# makes of every volume and snapshot the same bytes as `nbdvol export`.  So it
# does when transactions are in the ring alone, when the last of them is to be
# dropped, and it refuses what the pool refuses.
# HISTORIES says how many; SEED is the first.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

use_seed
reader=$srcdir/tests/tools/pool-dump.py
histories=${HISTORIES:-12}

# compare: the reader's dump of $pool and the exports, and both lists.
compare ()
{
  local name
  rm -rf "$tmpdir/dump" "$tmpdir/export"
  mkdir "$tmpdir/dump" "$tmpdir/export"
  must "$reader" "$pool" "$tmpdir/dump"
  awk '{ print $1, $2, $3 }' <<<"$out" | sort >"$tmpdir/dump.list"
  must nbdvol ls -H -p -o type,name,size "$pool"
  tr '\t' ' ' <<<"$out" | sort >"$tmpdir/export.list"
  pass_if diff "$tmpdir/dump.list" "$tmpdir/export.list"
  while read -r _ name _; do
    must nbdvol export "$pool" "$name" "$tmpdir/export/$name"
  done <"$tmpdir/export.list"
  pass_if diff -r "$tmpdir/dump" "$tmpdir/export"
}

# ring SCRIPT: Python with the pool `p` as the reader sees it, its ring
# applied; `block (seq)` is the place of a transaction's first block.
ring ()
{
  /usr/bin/python3 - "$reader" "$pool" "$1" <<'PYTHON'
import importlib.util, sys
spec = importlib.util.spec_from_file_location ("dump", sys.argv[1])
dump = importlib.util.module_from_spec (spec)
spec.loader.exec_module (dump)
p = dump.Pool (open (sys.argv[2], "rb"))
p.read_table ()
p.replay ()
s = p.super
def block (seq):
    for at in range (s.journal_start + 4, s.journal_start + s.journal_length):
        b = dump.RingBlock (p.place (at), s.uuid)
        if b.valid and b.nonce == s.nonce and b.seq == seq and b.part == 0:
            return at
brought = [x for r in p.records for x in r.brought.values ()]
last = max (seq for place, crc, seq in brought) if brought else s.tail_seq
exec (sys.argv[3])
PYTHON
}

# spoil PLACE: a byte there is another.
spoil ()
{
  printf X | dd of="$pool" bs=1 seek=$(($1 * 4096 + 1000)) conv=notrunc \
                status=none
}

# Every other one is left as by a crash, with a ring or without.
replayed=0
for ((i = 0; i < histories; i++)); do
  block_size=$((4096 << (i % 3 * 2)))
  blocks=$((64 << i % 4))
  end=close
  [ $((i % 2)) -eq 0 ] || end=crash
  must "$builddir/tests/pool-history" "$pool" $blocks $block_size \
       $((SEED + i)) 150 $end $((4 + i % 4 * 4))
  replayed=$((replayed + $(ring 'print (last - s.tail_seq)')))
  compare
done
differs $replayed 0 "transactions in rings"

# A server that is killed after writes, trims and a snapshot, all of them
# flushed; then goes on, and is killed again.
rm "$pool"
serve s create=64M
must nbd_do "$s_uri" write:0:8M:@1 flush trim:1M:1M write:3M:64K:@2 flush
must nbdvol snapshot "$pool" root@one
must nbd_do "$s_uri" write:0:2M:@3 flush trim:512K:4M write:1M:4K:@4 flush
must nbd_do "$s_uri" scatter:64:1M:@5 write:0:4K:@6:fua zero:4K:4K flush
kill_nbdkit s
between "$(ring 'print (last - s.tail_seq)')" 3 1000 "transactions"
compare
serve s
must nbd_do "$s_uri" trim:0:64M write:5M:100000:@7 flush
must nbdvol snapshot "$pool" root@two
must nbd_do "$s_uri" write:4M:40000:@8 flush
kill_nbdkit s
compare

# The last transaction, and one before it.
serve s
must nbd_do "$s_uri" write:1M:8K:@9 flush
kill_nbdkit s
compare
cp "$pool" "$tmpdir/before"
serve s
must nbd_do "$s_uri" write:1M:4K:@10 write:2M:64K:@11 flush
must nbd_do "$s_uri" write:2M:8K:@12 trim:2052K:4K write:9M:1M:@13 flush
kill_nbdkit s
cp "$pool" "$tmpdir/two"
compare
cp "$tmpdir/dump/root" "$tmpdir/both"

# Its data did not arrive: both drop it, and say the same of the rest.
spoil "$(ring 'print (next (place for place, crc, seq in brought
                            if seq == last))')"
compare
differs "$(sha256sum <"$tmpdir/dump/root")" "$(sha256sum <"$tmpdir/both")"
cp "$tmpdir/dump/root" "$tmpdir/one"
# So they do when its block in the ring did not.
cp "$tmpdir/two" "$pool"
spoil "$(ring 'print (block (last))')"
compare
pass_if cmp "$tmpdir/dump/root" "$tmpdir/one"
# Once opened for writing it stays so.
must nbdvol create "$pool" more 1M
must nbdvol check "$pool"
compare
pass_if cmp "$tmpdir/dump/root" "$tmpdir/one"

# Of the one before, which was acknowledged, no block can be missed, in the
# ring or outside.
cp "$tmpdir/two" "$pool"
spoil "$(ring 'print (block (last - 1))')"
must_fail 2 "$reader" "$pool"
matches "$err" 'a durable transaction is lost'
must_fail 7 nbdvol ls "$pool"
matches "$err" 'was acknowledged'
cp "$tmpdir/two" "$pool"
spoil "$(ring 'print (next (place for place, crc, seq in brought
                            if seq < last))')"
must_fail 1 "$reader" "$pool"
matches "$err" 'root: block [0-9]+: checksum'
must_fail 7 nbdvol export "$pool" root "$tmpdir/export/damaged"

# Both copies of a superblock that the ring knows of are gone.
cp "$tmpdir/two" "$pool"
for place in $(ring 'g = s.generation % 2
print (0 if g else 16, s.twin_a if g else s.twin_b)'); do
  dd if=/dev/zero of="$pool" bs=4096 seek="$place" count=1 conv=notrunc \
     status=none
done
must_fail 2 "$reader" "$pool"
matches "$err" 'ahead of every superblock'
must_fail 7 nbdvol ls "$pool"
matches "$err" 'would lose acknowledged writes'
