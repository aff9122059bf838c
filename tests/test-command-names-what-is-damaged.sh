#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A backing that is no pool, a damaged one, or one of a newer version: one
# clear line, the right exit code, and not a byte of it changed, whatever the
# verb.
# shellcheck disable=SC2016
set -e
source "$(dirname "$0")/lib/functions.sh"
cd "$tmpdir"

must nbdvol init good.pool 16M
# Its first byte is known, so that the X written over it below is another.
{ printf A; head -c 199999 /dev/urandom; } >image
must nbdvol import good.pool root image
must nbdvol snapshot good.pool root@a

# bend FILE: reads assignments OFFSET=HEX of the superblock from stdin-like
# arguments and applies them to all four copies, with a right checksum.
bend ()
{
  /usr/bin/python3 - "$@" <<'PYTHON'
import struct, sys
table = []
for i in range (256):
    c = i
    for _ in range (8):
        c = c >> 1 ^ (0x82f63b78 if c & 1 else 0)
    table.append (c)
def crc32c (data):
    c = 0xffffffff
    for b in data:
        c = c >> 8 ^ table[(c ^ b) & 255]
    return c ^ 0xffffffff
with open (sys.argv[1], "r+b") as f:
    f.seek (0)
    first = f.read (512)
    twins = [4096 * t for t in struct.unpack ("<QQ", first[64:80])]
    for place in [0, 65536] + twins:
        f.seek (place)
        s = bytearray (f.read (512))
        for a in sys.argv[2:]:
            off, value = a.split ("=")
            data = bytes.fromhex (value)
            s[int (off):int (off) + len (data)] = data
        s[508:] = struct.pack ("<I", crc32c (s[:508]))
        f.seek (place)
        f.write (s)
PYTHON
}

# refused CODE REGEX: bent.pool, by every kind of verb, and it stays as it is.
refused ()
{
  local code=$1 regex=$2 before args
  before=$(sha256sum <bent.pool)
  for args in 'ls bent.pool' 'info bent.pool --json' 'create bent.pool new 1M' \
              'rm bent.pool root@a' 'check bent.pool' \
              'export bent.pool root out' \
              'import bent.pool new image' 'grow bent.pool 32M'; do
    # shellcheck disable=SC2086
    must_fail "$code" nbdvol $args
    matches "$err" "^nbdvol: ${args%% *}: bent\.pool: $regex" "message"
    equal "$(wc -l <<<"$err")" 1 "lines of the message"
    pass_if test ! -e out
  done
  must_fail 4 nbdvol init bent.pool 16M
  equal "$(sha256sum <bent.pool)" "$before" "the pool that was refused"
}

head -c 300000 /dev/urandom >bent.pool
refused 7 'not a pool'
truncate -s 0 bent.pool
must_fail 7 nbdvol ls bent.pool
matches "$err" 'ls: bent.pool: empty; make a pool with `nbdvol init`'

cp good.pool bent.pool
bend bent.pool                          # nothing changed: still good
must nbdvol ls bent.pool
bend bent.pool 8=02000000
refused 1 'format version 2 is not known to this release .*use a newer nbdvol'
cp good.pool bent.pool
bend bent.pool 16=0000000000000080
refused 1 'feature flags 0x8000000000000000 are not known .*newer nbdvol'
# A flag of the kind "read-only if unknown": looking works, changing does not.
cp good.pool bent.pool
bend bent.pool 24=01
must nbdvol ls bent.pool
must_fail 1 nbdvol create bent.pool new 1M
must nbdvol export bent.pool root out
must cmp image out
rm out
cp good.pool bent.pool
truncate -s 8M bent.pool
refused 7 '.*truncated\?'

# One copy of the superblock bad: it opens.  All: it does not.
cp good.pool bent.pool
dd if=/dev/urandom of=bent.pool bs=512 count=1 conv=notrunc status=none
must_fail 7 nbdvol check bent.pool
matches "$out" '^error: superblock slot A: '
dd if=/dev/urandom of=bent.pool bs=512 count=1 seek=128 conv=notrunc status=none
must nbdvol ls bent.pool -H -o name
equal "$out" $'root\nroot@a'
# Opening it for writing mends it.
must nbdvol create bent.pool new 1M
must nbdvol check bent.pool
cp good.pool bent.pool
twins=$(/usr/bin/python3 -c 'import struct
print (*struct.unpack_from ("<QQ", open ("good.pool", "rb").read (512), 64))')
for place in 0 16 $twins; do
  dd if=/dev/zero of=bent.pool bs=4096 count=1 seek="$place" conv=notrunc \
     status=none
done
refused 7 'not a pool'

# A data block is damaged: reading names the volume and block.
cp good.pool bent.pool
place=$(/usr/bin/python3 -c 'print (open ("good.pool", "rb").read ().find (
  open ("image", "rb").read (4096)) // 4096)')
printf X | dd of=bent.pool bs=4096 seek="$place" conv=notrunc status=none
must_fail 7 nbdvol export bent.pool root out
matches "$err" "^nbdvol: export: bent.pool: root: bytes 0\.\.4095, \
block $place of the pool: checksum error; see "
pass_if test ! -e out
must nbdvol ls bent.pool
