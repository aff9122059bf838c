#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# check --repair: what can be known is made right and the code is 0; bytes that
# are lost are named, stay errors, and the code is 7 until their volume is
# removed; the rest reads as before.  A pool that is served is refused.
set -e
source "$(dirname "$0")/lib/functions.sh"
cd "$tmpdir"

# The place of: space, refs, backed or table; or leaf N of the map of record 0.
place_of ()
{
  /usr/bin/python3 - "$srcdir/tests/tools/pool-dump.py" data.pool "$@" \
      <<'PYTHON'
import importlib.util, struct, sys
spec = importlib.util.spec_from_file_location ("dump", sys.argv[1])
dump = importlib.util.module_from_spec (spec)
spec.loader.exec_module (dump)
mask = (1 << 40) - 1
with open (sys.argv[2], "rb") as f:
    p = dump.Pool (f)
    if sys.argv[3] != "leaf":
        print (getattr (p.super, sys.argv[3]).entry[0] & mask)
    else:
        b = p.block (p.super.table.entry)
        word, = struct.unpack_from ("<Q", b, 40)
        f.seek ((word & mask) * p.bs + 16 * int (sys.argv[4]))
        print (struct.unpack ("<Q", f.read (8))[0] & mask)
PYTHON
}

# BLOCK gets 8 other bytes in its middle.
spoil ()
{
  printf 'xxxxxxxx' |
    dd of=data.pool bs=1 seek=$(($1 * 4096 + 2000)) conv=notrunc status=none
}

must nbdvol init data.pool 64M
head -c 3000000 /dev/urandom >image
must nbdvol import data.pool root image
must nbdvol create data.pool other 1M

must nbdvol check data.pool --repair
equal "$(wc -l <<<"$out")" 1 "lines of a clean pool"
matches "$out" '^data\.pool: clean: 2 volumes'

# Space and a superblock: all is repaired.
spoil "$(place_of space)"
printf 'x' | dd of=data.pool bs=1 seek=50 conv=notrunc status=none
must_fail 7 nbdvol check data.pool
must nbdvol check data.pool --repair
matches "$out" 'repaired: space map: 1 damaged nodes made anew'
matches "$out" 'data\.pool: clean: '
must nbdvol check data.pool
must nbdvol export data.pool root out
must cmp image out

# A leaf of the map: bytes 1 MiB to 2 MiB.
spoil "$(place_of leaf 1)"
must_fail 7 nbdvol check data.pool --repair
matches "$out" "lost: root: bytes 1048576\.\.2097151"
matches "$out" "0 leaked blocks, 1048576 bytes lost: 2 volumes"
must_fail 7 nbdvol check data.pool --repair --json
matches "$out" '"lost":\[\{"name":"root","whole":false,"offset":1048576,'
matches "$out" '"lost-bytes":1048576'
matches "$out" '"repaired":\['
start_nbdkit server pool data.pool control="$sockdir/ctl"
must_fail 5 nbdvol check data.pool --repair
matches "$err" 'served by pid [0-9]+: stop the server, then repair$'
must_fail 5 nbdvol check "unix:$sockdir/ctl" --repair
matches "$err" 'stop the server'
stop_nbdkit server
must_fail 7 nbdvol export data.pool root part
must nbdvol rm data.pool root
must nbdvol check data.pool --repair
matches "$out" 'repaired: space map: [0-9]+ leaked blocks are free again'
must nbdvol check data.pool

must_fail 3 nbdvol check missing.pool --repair
printf 'no pool' >image
must_fail 7 nbdvol check image --repair
matches "$err" 'not a pool'
must_fail 2 nbdvol ls data.pool --repair
