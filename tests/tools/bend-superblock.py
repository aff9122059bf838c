#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
#
# Changes superblocks of a pool, for tests of what a server says to them.
#
# bend-superblock.py POOL WHICH CHANGE
#     WHICH   slots (both slots), slot-a, all (slots and twins), newest (slot
#             and twin of the highest generation)
#     CHANGE  OFFSET:SIZE=VALUE   a field, with the checksum made right again
#             OFFSET:SIZE^VALUE   the same without: a damaged copy
#
# The layout is that of docs/pool-format.md, chapter 3.

import struct
import sys

SLOTS = (0, 65536)


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def main():
    path, which, change = sys.argv[1:]
    with open(path, "r+b") as f:
        def read(offset):
            f.seek(offset)
            return bytearray(f.read(512))

        first = read(SLOTS[0])
        shift = first[12]
        twins = [p << shift for p in struct.unpack_from("<QQ", first, 64)]
        copies = {"slots": list(SLOTS), "slot-a": [SLOTS[0]],
                  "all": list(SLOTS) + twins}.get(which)
        if copies is None:
            assert which == "newest", which
            generation = [struct.unpack_from("<Q", read(s), 112)[0]
                          for s in SLOTS]
            newest = generation.index(max(generation))
            copies = [SLOTS[newest], twins[newest]]
        fix = "=" in change
        field, value = change.split("=" if fix else "^")
        offset, size = (int(x) for x in field.split(":"))
        for at in copies:
            block = read(at)
            block[offset:offset + size] = int(value, 0).to_bytes(size,
                                                                 "little")
            if fix:
                block[508:512] = struct.pack("<I", crc32c(block[:508]))
            f.seek(at)
            f.write(block)


main()
