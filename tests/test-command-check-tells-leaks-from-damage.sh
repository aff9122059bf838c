#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# check of a pool in which a block is marked that nobody uses ends with 8 and
# names the block, served or not; the pool is used as before.  With damage as
# well it ends with 7.
set -e
source "$(dirname "$0")/lib/functions.sh"
cd "$tmpdir"

must nbdvol init data.pool 64M
head -c 200000 /dev/urandom >image
must nbdvol import data.pool root image

# Mark the last free block of the first slab, and make all checksums right.
dump=$srcdir/tests/tools/pool-dump.py
block=$(/usr/bin/python3 - "$dump" data.pool <<'PYTHON'
import importlib.util, struct, sys
spec = importlib.util.spec_from_file_location ("dump", sys.argv[1])
dump = importlib.util.module_from_spec (spec)
spec.loader.exec_module (dump)
with open (sys.argv[2], "r+b") as f:
    p = dump.Pool (f)
    s = p.super
    assert s.space.levels == 1
    word, birth, check = s.space.entry
    place = word & (1 << 40) - 1
    leaf = bytearray (p.block (s.space.entry))
    free = max (i for i in range (1 << s.slab_shift)
                if not leaf[i // 8] >> i % 8 & 1)
    leaf[free // 8] |= 1 << free % 8
    mix = dump.crc32c (s.uuid + struct.pack ("<QI", place, birth))
    b = bytearray (s.bytes)
    struct.pack_into ("<I", b, 192 + 12, dump.crc32c (bytes (leaf)) ^ mix)
    struct.pack_into ("<Q", b, 136, s.allocated + 1)
    struct.pack_into ("<I", b, 508, dump.crc32c (bytes (b[:508])))
    for at, data in ((place * p.bs, leaf),
                     (0 if s.generation % 2 else 65536, b),
                     ((s.twin_a if s.generation % 2 else s.twin_b) * p.bs, b)):
        f.seek (at)
        f.write (data)
    print (free)
PYTHON
)

leaks ()
{
  must_fail 8 nbdvol check data.pool
  equal "$(wc -l <<<"$out")" 2 "lines of the report"
  matches "$out" "^leak: [^"$'\n'"]*blocks? ${block}[: ].*"$'\n'"data\.pool: \
0 errors, 1 leaked blocks: 1 volumes, "
  must_fail 8 nbdvol check data.pool -q
  equal "$(wc -l <<<"$out")" 1 "lines of the report with -q"
  must_fail 8 nbdvol check data.pool --json
  matches "$out" '"clean":false,"errors":0,"leaks":1,'
  must_fail 8 nbdvol check data.pool -v
  matches "$err" 'checked, only leaks$'
}

leaks
must nbdvol export data.pool root out
must cmp image out
must nbdvol create data.pool other 1M
must nbdvol rm data.pool other
leaks
start_nbdkit server pool data.pool control="$sockdir/ctl"
leaks
stop_nbdkit server

dd if=/dev/urandom of=data.pool bs=512 count=1 conv=notrunc status=none
must_fail 7 nbdvol check data.pool
matches "$out" 'data\.pool: 1 errors, 1 leaked blocks: '
