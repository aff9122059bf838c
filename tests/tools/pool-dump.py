#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
#
# pool-dump: an independent reader of pools.
#
#   pool-dump.py POOL [DIRECTORY]
#
# Written from docs/pool-format.md alone, with nothing but the standard
# library, so that a mistake in the engine and in its documentation cannot
# hide behind each other.  It verifies every check of every node and data
# block, recomputes reference counts, space map and backed slabs, and lists
# every volume and snapshot as "KIND NAME SIZE MAPPED".  With DIRECTORY it also
# writes each as a sparse raw file DIRECTORY/NAME.  Exit code 0: all is well;
# 1: damage, named on stderr; 2: wrong usage, or not a pool.

import os
import re
import struct
import sys

HOLE, DATA, ZERO, NODE = range(4)
FREE, VOLUME, SNAPSHOT, ORPHAN, INCOMPLETE = range(5)
OVERLAY = 2
NAME = re.compile("[A-Za-z0-9][A-Za-z0-9._+-]{0,199}")

# ---- CRC-32C, two bytes at a time -------------------------------------------


def make_table():
    table = []
    for n in range(65536):
        for _ in range(16):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    return table


TABLE = make_table()


def crc32c(data):
    """The checksum of data, which has an even number of bytes."""
    crc = 0xFFFFFFFF
    table = TABLE
    for word in struct.unpack("<%dH" % (len(data) // 2), data):
        crc = crc >> 16 ^ table[(crc ^ word) & 0xFFFF]
    return crc ^ 0xFFFFFFFF


# ---- superblock -----------------------------------------------------------

class Damage(Exception):
    pass


class Root:
    def __init__(self, data):
        self.entry = struct.unpack_from("<QII", data)
        self.levels = data[16]


class Super:
    def __init__(self, data):
        (self.version, self.block_shift, self.slab_shift, self.incompatible,
         self.uuid, self.blocks, self.twin_a, self.twin_b, self.journal_start,
         self.journal_length, self.generation, self.next_id, self.allocated,
         self.epoch, self.slots) = struct.unpack_from(
             "<8xIBB2xQ16x16sQQQQQ16xQ8xQQ16xII", data)
        self.table, self.space, self.refs, self.backed = (
            Root(data[at:at + 24]) for at in (168, 192, 216, 240))
        self.bytes = data


def read_at(file, offset, length):
    file.seek(offset)
    data = file.read(length)
    return data + bytes(length - len(data))


def sealed(data, magic):
    return data[:8] == magic and \
        struct.unpack_from("<I", data, 508)[0] == crc32c(data[:508])


def read_copy(file, offset, parity):
    data = read_at(file, offset, 512)
    valid = sealed(data, b"nbdvolP1") and data[112] % 2 == parity
    return Super(data) if valid else None


def choose(file):
    """The newest valid copy of the superblock."""
    end = file.seek(0, os.SEEK_END)
    slots = [read_copy(file, 0, 1), read_copy(file, 65536, 0)]
    twins = [(c.twin_a, c.twin_b, c.block_shift) for c in slots if c] or \
        [((end >> n) - 2, (end >> n) - 1, n) for n in range(12, 17)]
    copies = list(slots)
    for a, b, shift in twins:
        copies.append(read_copy(file, max(a, 0) << shift, 1))
        copies.append(read_copy(file, max(b, 0) << shift, 0))
    copies = [c for c in copies if c]
    if not copies:
        raise Damage("no valid superblock")
    best = max(copies, key=lambda c: c.generation)
    if best.version != 1 or best.incompatible:
        raise Damage("unknown version or features")
    if any(c.uuid != best.uuid for c in copies):
        raise Damage("copies of different pools")
    if best.blocks << best.block_shift > end:
        raise Damage("the backing is too short")
    for c in copies:
        if c.generation == best.generation and c.bytes != best.bytes:
            raise Damage("copies of one generation differ")
    for i in range(4):
        at = (best.journal_start + i) << best.block_shift
        marker = read_at(file, at, 512)
        if (sealed(marker, b"nbdvolMK") and marker[8:24] == best.uuid and
                struct.unpack_from("<Q", marker, 24)[0] > best.generation):
            raise Damage("a marker is ahead of every superblock")
    return best


# ---- records ----------------------------------------------------------

class Record:
    def __init__(self, slot, data):
        (self.kind, self.flags, length, self.id, self.parent,
         self.size) = struct.unpack_from("<BBB5xQQ8xQ", data)
        self.slot = slot
        self.root = Root(data[40:64])
        self.mapped, self.nodes, _, self.cursor = struct.unpack_from(
            "<4Q", data, 64)
        self.name = data[208:208 + length].decode("ascii", "replace")
        self.name_ok = NAME.fullmatch(self.name) and ".." not in self.name
        self.label = "record %d" % slot
        self.zeroes = self.flags & OVERLAY or self.kind == ORPHAN

# ---- the pool ---------------------------------------------------------

class Pool:
    def __init__(self, file):
        self.file = file
        self.super = s = choose(file)
        self.bs = 1 << s.block_shift
        self.fan = self.bs // 16
        self.fan_shift = s.block_shift - 4
        self.damage = []
        self.seen = {}          # place: [entry, level, base, references]
        self.fixed = {0, 65536 >> s.block_shift, 131072 >> s.block_shift,
                      s.twin_a, s.twin_b}
        self.fixed.update(range(s.journal_start,
                                s.journal_start + s.journal_length))

    def complain(self, *words):
        self.damage.append(" ".join(map(str, words)))

    def block(self, entry):
        """The bytes that entry names, verified."""
        word, birth, check = entry
        place = word & (1 << 40) - 1
        if place >= self.super.blocks or place in self.fixed:
            raise Damage("block %d: no place for a block" % place)
        data = read_at(self.file, place << self.super.block_shift, self.bs)
        mix = crc32c(self.super.uuid + struct.pack("<QI", place, birth))
        if check != crc32c(data) ^ mix:
            raise Damage("block %d: checksum" % place)
        return data

    def entry_type(self, entry, allowed, birth):
        """The type of an entry that stands below a block born in birth."""
        kind = entry[0] >> 40 & 15
        if entry[0] >> 44 or kind not in allowed or entry[1] > birth:
            raise Damage("malformed entry %x/%x" % entry[:2])
        if kind == HOLE and entry != (0, 0, 0):
            raise Damage("hole that is not zero")
        if kind == ZERO and (entry[0] & (1 << 40) - 1 or entry[2]):
            raise Damage("zero entry that names a block")
        return kind

    def levels(self, leaves):
        n = 1
        while leaves > 1 << self.fan_shift * (n - 1):
            n += 1
        return n

    def reach(self, entry, level, base, tree):
        """Counts a reference; true if the block was not reached before."""
        place = entry[0] & (1 << 40) - 1
        known = self.seen.setdefault(place, [entry, level, base, tree, 0])
        known[4] += 1
        if known[:4] != [entry, level, base, tree]:
            raise Damage("block %d: in use twice" % place)
        return known[4] == 1

    # -- table, space, refs, backed: leaves by number

    def pool_tree(self, name, root, leaves):
        """Yields (number, bytes) of the leaves of one of the pool's trees."""
        if root.levels != self.levels(leaves):
            self.complain(name, "levels")
            return
        yield from self.pool_node(name, root.entry, root.levels - 1, 0,
                                  self.super.epoch, leaves)

    def pool_node(self, name, entry, level, base, birth, leaves):
        try:
            if self.entry_type(entry, (HOLE, NODE), birth) == HOLE:
                return
            if base >= leaves:
                raise Damage("node beyond the end")
            if not self.reach(entry, level, base, name):
                raise Damage("named twice")
            data = self.block(entry)
        except Damage as d:
            self.complain("%s: level %d, %d: %s" % (name, level, base, d))
            return
        if level == 0:
            yield base, data
            return
        for i, child in enumerate(struct.iter_unpack("<QII", data)):
            at = base + (i << self.fan_shift * (level - 1))
            yield from self.pool_node(name, child, level - 1, at, entry[1],
                                      leaves)

    def read_table(self):
        per_leaf = self.bs // 512
        self.records = []
        for n, data in self.pool_tree("table", self.super.table,
                                      -(-self.super.slots // per_leaf)):
            for i in range(per_leaf):
                part = data[i * 512:i * 512 + 512]
                if part[0] == FREE or n * per_leaf + i >= self.super.slots:
                    if any(part):
                        self.complain("record", n * per_leaf + i, "not empty")
                    continue
                self.records.append(Record(n * per_leaf + i, part))
        volumes = {r.id: r for r in self.records if r.kind == VOLUME}
        for r in self.records:
            r.label = r.name
            if r.kind == SNAPSHOT:
                if r.parent not in volumes:
                    self.complain("record", r.slot, "has no parent")
                    continue
                r.label = volumes[r.parent].name + "@" + r.name
            elif r.kind == ORPHAN:
                r.label = "orphan %d" % r.id
            if r.kind > INCOMPLETE or (r.kind != ORPHAN and not r.name_ok):
                self.complain("record", r.slot, "malformed")
        for what in "id", "label":
            values = [getattr(r, what) for r in self.records
                      if r.kind != INCOMPLETE]
            if len(set(values)) != len(values):
                self.complain("two records with the same", what)

    # -- maps

    def walk_map(self, record, visit):
        """Calls visit (entry, type, level, base) for every entry of the map
        but holes, parents first; visit says whether to go into a node.
        Skips what an orphan has released."""
        blocks = -(-record.size // self.bs)
        if record.kind >= ORPHAN:
            blocks = 1 << 64
        elif record.root.levels < self.levels(-(-blocks // self.fan)):
            raise Damage("too few levels")

        def walk(entry, level, base, birth):
            end = base + (1 << self.fan_shift * (level + 1))
            if record.kind == ORPHAN and end <= record.cursor:
                return
            allowed = (NODE,) if level >= 0 else (HOLE, DATA, ZERO)
            kind = self.entry_type(entry, allowed, birth)
            if kind == HOLE:
                return
            if base >= blocks:
                raise Damage("entry beyond the end, block %d" % base)
            if kind == ZERO and not record.zeroes:
                raise Damage("zero entry without overlay")
            if not visit(entry, kind, level, base):
                return
            children = list(struct.iter_unpack("<QII", self.block(entry)))
            if not any(any(c) for c in children):
                raise Damage("node without entries")
            for i, child in enumerate(children):
                if any(child):
                    at = base + (i << self.fan_shift * level)
                    walk(child, level - 1, at, entry[1])

        if any(record.root.entry):
            walk(record.root.entry, record.root.levels - 1, 0,
                 self.super.epoch)

    def count_references(self):
        """Reaches every map once, then compares refs, space and backed."""
        def visit(entry, kind, level, base):
            if kind == ZERO:
                return False
            return self.reach(entry, level, base, "map") and kind == NODE

        for r in self.records:
            try:
                self.walk_map(r, visit)
            except Damage as d:
                self.complain("%s: %s" % (r.label, d))
        refs = {}
        per_leaf = self.bs // 4
        for n, data in self.pool_tree("refs", self.super.refs,
                                      -(-self.super.blocks // per_leaf)):
            for i, count in enumerate(struct.unpack("<%dI" % per_leaf, data)):
                if count:
                    refs[n * per_leaf + i] = count
        space = self.read_bits("space", self.super.space, self.super.blocks)
        slabs = self.super.blocks >> self.super.slab_shift
        backed = self.read_bits("backed", self.super.backed, slabs)

        for place in sorted(set(refs) | set(self.seen)):
            found = self.seen[place][4] - 1 if place in self.seen else 0
            if refs.get(place, 0) != found:
                self.complain("block %d: %d references counted, %d found" % (
                    place, refs.get(place, 0) + 1, found + 1))
        used = self.fixed | set(self.seen)
        for place in sorted(used ^ space):
            why = "marked free, but in use" if place in used else "leaked"
            self.complain("block %d: %s" % (place, why))
        if len(space) != self.super.allocated:
            self.complain("superblock: allocated")
        for slab in {p >> self.super.slab_shift for p in self.seen} - backed:
            self.complain("slab %d: not backed, but in use" % slab)

    def read_bits(self, name, root, items):
        bits = set()
        per_leaf = self.bs * 8
        for n, data in self.pool_tree(name, root, -(-items // per_leaf)):
            for at, byte in enumerate(data):
                for i in range(8) if byte else ():
                    if byte >> i & 1:
                        bits.add(n * per_leaf + at * 8 + i)
        if bits and max(bits) >= items:
            self.complain(name, "bits beyond the end")
        return bits

    def dump(self, record, path):
        """Reads a volume in full, into the sparse file path unless None."""
        found = [0, 0]
        out = open(path, "wb") if path else None

        def visit(entry, kind, level, base):
            if kind == NODE:
                found[0] += 1
                return True
            if kind == DATA:
                found[1] += 1
                data = self.block(entry)
                length = min(self.bs, record.size - base * self.bs)
                if any(data[length:]):
                    raise Damage("bytes beyond the end")
                if out and any(data):
                    out.seek(base * self.bs)
                    out.write(data[:length])
            return False

        try:
            if out:
                out.truncate(record.size)
            self.walk_map(record, visit)
            if found != [record.nodes, record.mapped]:
                raise Damage("%d nodes and %d blocks instead of %d and %d" % (
                    found[0], found[1], record.nodes, record.mapped))
        except (Damage, OSError) as e:
            self.complain("%s: %s" % (record.label, e))
        if out:
            out.close()


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[1].startswith("-"):
        print("usage: pool-dump.py POOL [DIRECTORY]", file=sys.stderr)
        return 2
    with open(sys.argv[1], "rb") as file:
        try:
            pool = Pool(file)
        except Damage as e:
            print("pool-dump: %s: %s" % (sys.argv[1], e), file=sys.stderr)
            return 2
        pool.read_table()
        pool.count_references()
        for r in sorted(pool.records, key=lambda r: (r.label, r.slot)):
            if r.kind not in (VOLUME, SNAPSHOT):
                continue
            pool.dump(r, os.path.join(sys.argv[2], r.label)
                      if len(sys.argv) == 3 else None)
            print("snapshot" if r.kind == SNAPSHOT else "volume", r.label,
                  r.size, r.mapped)
    for line in pool.damage:
        print("pool-dump: %s: %s" % (sys.argv[1], line), file=sys.stderr)
    return 1 if pool.damage else 0


if __name__ == "__main__":
    sys.exit(main())
