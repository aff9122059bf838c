#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
#
# pool-dump: an independent reader of pools.
#
#   pool-dump.py POOL [DIRECTORY]
#
# Written from docs/pool-format.md alone, with nothing but the standard
# library, so that a mistake in the engine and in its documentation cannot
# hide behind each other.  It verifies every check, recomputes reference
# counts, space map and backed slabs, applies the ring, and lists every volume
# and snapshot as "KIND NAME SIZE MAPPED".  With DIRECTORY each also becomes a
# sparse file there.  Exit code 1: damage; 2: usage, or no pool to be opened.

import os
import re
import struct
import sys

HOLE, DATA, ZERO, NODE = range(4)
FREE, VOLUME, SNAPSHOT, ORPHAN, INCOMPLETE = range(5)
JOURNAL, OVERLAY = 1, 2         # flags: of a superblock, of a record
PLACE = (1 << 40) - 1
NAME = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._+-]{0,199}")

# CRC-32C, two bytes at a time
TABLE = list(range(65536))
for _ in range(16):
    TABLE = [n >> 1 ^ (0x82F63B78 if n & 1 else 0) for n in TABLE]


def crc32c(data):
    """The checksum of data, which has an even number of bytes."""
    crc, table = 0xFFFFFFFF, TABLE
    for word in struct.unpack("<%dH" % (len(data) // 2), data):
        crc = crc >> 16 ^ table[(crc ^ word) & 0xFFFF]
    return crc ^ 0xFFFFFFFF


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
         self.journal_length, self.tail_seq, self.tail_block, self.generation,
         self.nonce, self.allocated, self.epoch, self.slots, self.chain
         ) = struct.unpack_from("<8xIBB2xQ16x16s9Q8xQ16xII96xI", data)
        self.table, self.space, self.refs, self.backed = (
            Root(data[at:at + 24]) for at in (168, 192, 216, 240))
        self.bytes = data


class Record:
    def __init__(self, slot, data):
        (self.kind, flags, length, self.id, self.parent, self.size, root,
         self.mapped, self.nodes, self.cursor
         ) = struct.unpack_from("<BBB5xQQ8xQ24sQQ8xQ", data)
        self.slot, self.root = slot, Root(root)
        self.name = data[208:208 + length].decode("ascii", "replace")
        self.overlay = flags & OVERLAY or self.kind == ORPHAN


class RingBlock:
    def __init__(self, data, uuid):
        (magic, self.nonce, self.seq, self.stable, self.generation,
         self.chain, self.part, self.parts, length, _,
         self.crc) = struct.unpack_from("<8s4Q6I", data)
        self.valid = (magic == b"nbdvolJB" and self.part < self.parts and
                      length <= len(data) - 64 and self.crc == crc32c(
                          uuid + data[:60] + bytes(4) + data[64:]))
        self.records = data[64:64 + length]


class Pool:
    def __init__(self, file):
        self.file = file
        self.super = s = self.choose()
        self.bs, self.fan_shift = 1 << s.block_shift, s.block_shift - 4
        self.damage = []
        self.seen = {}          # place: [entry, level, base, references]
        self.fixed = {0, 65536 >> s.block_shift, 131072 >> s.block_shift,
                      s.twin_a, s.twin_b, *range(
                          s.journal_start, s.journal_start + s.journal_length)}

    def read(self, offset, length):
        self.file.seek(max(offset, 0))
        return self.file.read(length).ljust(length, b"\0")

    def place(self, place):
        return self.read(place << self.super.block_shift, self.bs)

    def sealed(self, offset, magic):
        data = self.read(offset, 512)
        seal = magic + struct.pack("<I", crc32c(data[:508]))
        return data if data[:8] + data[508:] == seal else b""

    def choose(self):
        """The newest valid copy of the superblock."""
        end = self.file.seek(0, os.SEEK_END)
        copies = []

        def look(offset, parity):
            data = self.sealed(offset, b"nbdvolP1")
            if data and data[112] % 2 == parity:
                copies.append(Super(data))

        look(0, 1)
        look(65536, 0)
        for a, b, n in [(c.twin_a, c.twin_b, c.block_shift) for c in copies] \
             or [((end >> n) - 2, (end >> n) - 1, n) for n in range(12, 17)]:
            look(a << n, 1)
            look(b << n, 0)
        if not copies:
            raise Damage("no valid superblock")
        best = max(copies, key=lambda c: c.generation)
        if best.version != 1 or best.incompatible & ~JOURNAL or \
                best.blocks << best.block_shift > end:
            raise Damage("unknown version or features, or cut short")
        if any(c.uuid != best.uuid or c.generation == best.generation and
               c.bytes != best.bytes for c in copies):
            raise Damage("copies contradict each other")
        for place in range(best.journal_start, best.journal_start + 4):
            marker = self.sealed(place << best.block_shift, b"nbdvolMK")
            if marker[8:24] == best.uuid and best.generation < \
                    struct.unpack_from("<Q", marker, 24)[0]:
                raise Damage("a marker is ahead of every superblock")
        return best

    def complain(self, *words):
        self.damage.append(" ".join(map(str, words)))

    def block(self, entry):
        """The bytes that entry names, verified."""
        place, birth, check = entry[0] & PLACE, *entry[1:]
        if place >= self.super.blocks or place in self.fixed:
            raise Damage("block %d: no place for a block" % place)
        data = self.place(place)
        mix = crc32c(self.super.uuid + struct.pack("<QI", place, birth))
        if check != crc32c(data) ^ mix:
            raise Damage("block %d: checksum" % place)
        return data

    def levels(self, leaves):
        return 1 - (-(leaves - 1).bit_length() // self.fan_shift)

    def reach(self, entry, level, base, tree):
        """Counts a reference; true if the block was not reached before."""
        place = entry[0] & PLACE
        known = self.seen.setdefault(place, [entry, level, base, tree, 0])
        known[4] += 1
        if known[:4] != [entry, level, base, tree]:
            raise Damage("block %d: in use twice" % place)
        return known[4] == 1

    def walk(self, shape, visit, entry, level, base, birth):
        """Calls visit (entry, type, level, base) for every entry but holes,
        parents first; visit says whether to go into a node.  What leaves
        name is at level -1.  Shape: the types there, the first, the end."""
        lowest, first, end = shape
        kind = entry[0] >> 40
        if kind not in (lowest if level < 0 else (HOLE, NODE)) or \
                entry[1] > birth or kind == HOLE and any(entry) or \
                kind == ZERO and (entry[0] & PLACE or entry[2]):
            raise Damage("malformed entry %x/%x/%x" % entry)
        if kind == HOLE or base + (1 << self.fan_shift * (level + 1)) <= first:
            return
        if base >= end:
            raise Damage("entry beyond the end, %d" % base)
        if not visit(entry, kind, level, base):
            return
        children = list(struct.iter_unpack("<QII", self.block(entry)))
        if DATA in lowest and not any(any(c) for c in children):
            raise Damage("node without entries")
        for i, child in enumerate(children):
            self.walk(shape, visit, child, level - 1,
                      base + (i << self.fan_shift * level), entry[1])

    def pool_tree(self, name, root, leaves):
        """[(number, bytes)] of the leaves of one of the pool's trees."""
        found = []

        def visit(entry, _, level, base):
            if not self.reach(entry, level + 1, base, name):
                raise Damage("block named twice")
            if level < 0:
                found.append((base, self.block(entry)))
            return level >= 0

        try:
            if root.levels != self.levels(leaves):
                raise Damage("levels")
            self.walk(((HOLE, NODE), 0, leaves), visit, root.entry,
                      root.levels - 2, 0, self.super.epoch)
        except Damage as d:
            self.complain("%s: %s" % (name, d))
        return found

    def read_table(self):
        per_leaf = self.bs // 512
        self.records = []
        for n, data in self.pool_tree("table", self.super.table,
                                      -(-self.super.slots // per_leaf)):
            for i in range(per_leaf):
                slot, part = n * per_leaf + i, data[i * 512:i * 512 + 512]
                if part[0] != FREE and slot < self.super.slots:
                    self.records.append(Record(slot, part))
                elif any(part):
                    self.complain("record", slot, "not empty")
        volumes = {r.id: r.name for r in self.records if r.kind == VOLUME}
        for r in self.records:
            r.label = r.name if r.kind != ORPHAN else "orphan %d" % r.id
            if r.kind == SNAPSHOT:
                r.label = "%s@%s" % (volumes.get(r.parent), r.name)
            if r.kind > INCOMPLETE or \
                    r.kind != ORPHAN and not NAME.fullmatch(r.name) or \
                    r.kind == SNAPSHOT and r.parent not in volumes:
                self.complain("record", r.slot, "is malformed")
        seen = [x for r in self.records if r.kind != INCOMPLETE
                for x in (r.id, r.label)]
        if len(set(seen)) < len(seen):
            self.complain("two records with the same id or name")

    def replay(self):
        """Notes in the records what the ring brings and takes."""
        s, ring = self.super, self.super.journal_length - 4
        used = ring if s.incompatible & JOURNAL and ring > 1 else 0
        blocks = [RingBlock(self.place(s.journal_start + 4 + n), s.uuid)
                  for n in range(used)]
        if any(b.valid and b.generation > s.generation for b in blocks):
            raise Damage("the ring is ahead of every superblock")
        stable = max([s.tail_seq] + [b.stable for b in blocks if b.valid and
                                     b.nonce == s.nonce])
        done, parts, chain = [], [], s.chain
        for n in range(s.tail_block, s.tail_block + used):
            b = blocks[n % ring]
            if not b.valid or (b.nonce, b.seq, b.part, b.chain) != (
                    s.nonce, s.tail_seq + 1 + len(done), len(parts), chain):
                break
            parts.append(b)
            chain = b.crc
            if len(parts) == b.parts:
                done.append(parts)
                parts = []
        while not self.apply(done, stable):
            done.pop()

    def apply(self, transactions, stable):
        """False if the data of what nothing proves did not arrive."""
        if stable > self.super.tail_seq + len(transactions):
            raise Damage("a durable transaction is lost")
        for r in self.records:
            r.brought, r.holes = {}, []
        for b in (b for parts in transactions for b in parts):
            at = 0
            while at < len(b.records):
                at = self.apply_record(b, at)
        return all(crc == crc32c(self.place(place)) for r in self.records
                   if r.kind == VOLUME
                   for place, crc, seq in r.brought.values() if seq > stable)

    def apply_record(self, b, at):
        word, of, place = struct.unpack("<3Q", b.records[at:at + 24].ljust(24))
        block, count = word & PLACE, word >> 48
        at += 24 + 4 * count
        end, last = block + (count or place), place + count
        r = {r.id: r for r in self.records if r.kind != SNAPSHOT}.get(of)
        if (at > len(b.records) or word >> 40 & 255 != (1 if count else 2) or
                r is None or place > 1 << 40 or count > 0 and (
                    last > self.super.blocks or
                    not self.fixed.isdisjoint(range(place, last))) or
                r.kind == VOLUME and max(end, block + 1) >
                1 << self.fan_shift * r.root.levels):
            raise Damage("impossible record in the ring")
        if count == 0:
            r.holes.append(range(block, end))
            r.brought = {n: x for n, x in r.brought.items()
                         if not block <= n < end}
        for n, (crc,) in enumerate(struct.iter_unpack("<I", b.records[
                at - 4 * count:at])):
            r.brought[block + n] = place + n, crc, b.seq
        return at

    def walk_map(self, r, visit):
        blocks = 1 << 64 if r.kind >= ORPHAN else -(-r.size // self.bs)
        if r.kind < ORPHAN and blocks > 1 << self.fan_shift * r.root.levels:
            raise Damage("too few levels")
        self.walk(((HOLE, DATA, ZERO)[:3 if r.overlay else 2],
                   r.cursor * (r.kind == ORPHAN), blocks), visit,
                  r.root.entry, r.root.levels - 1, 0, self.super.epoch)

    def count_references(self):
        """Reaches every map once, then compares refs, space and backed."""
        def visit(entry, kind, level, base):
            return kind != ZERO and self.reach(entry, level, base, "map") \
                and kind == NODE

        for r in self.records:
            try:
                self.walk_map(r, visit)
            except Damage as d:
                self.complain("%s: %s" % (r.label, d))
        s, refs, per = self.super, {}, self.bs // 4
        for n, data in self.pool_tree("refs", s.refs, -(-s.blocks // per)):
            refs.update((n * per + i, count) for i, count in enumerate(
                struct.unpack("<%dI" % per, data)) if count)
        space = self.read_bits("space", s.space, s.blocks)
        backed = self.read_bits("backed", s.backed, s.blocks >> s.slab_shift)
        found = {p: known[4] - 1 for p, known in self.seen.items()
                 if known[4] > 1}
        for place in {p for p, _ in set(refs.items()) ^ set(found.items())}:
            self.complain("block", place, "has another number of references")
        for place in sorted((self.fixed | set(self.seen)) ^ space):
            self.complain("block", place, "is leaked" if place in space
                          else "is marked free, but in use")
        if len(space) != s.allocated:
            self.complain("superblock: allocated")
        for slab in {p >> s.slab_shift for p in self.seen} - backed:
            self.complain("slab", slab, "is in use and not backed")

    def read_bits(self, name, root, items):
        bits, per_leaf = set(), self.bs * 8
        for n, data in self.pool_tree(name, root, -(-items // per_leaf)):
            bits.update(n * per_leaf + i for i in range(per_leaf)
                        if data[i // 8] >> i % 8 & 1)
        if bits and max(bits) >= items:
            self.complain(name, "bits beyond the end")
        return bits

    def dump(self, r, path):
        """Reads a volume, into the file path unless None; blocks it has."""
        found, kept = [0, 0], len(r.brought)
        out = open(path or os.devnull, "wb")

        def put(base, data):
            length = min(self.bs, r.size - base * self.bs)
            if length <= 0 or any(data[length:]):
                raise Damage("bytes beyond the end")
            if any(data):
                out.seek(base * self.bs)
                out.write(data[:length])

        def visit(entry, kind, level, base):
            nonlocal kept
            found[kind == DATA] += kind != ZERO
            if kind == DATA and base not in r.brought and \
                    not any(base in h for h in r.holes):
                kept += 1
                put(base, self.block(entry))
            return kind == NODE

        try:
            if path:
                out.truncate(r.size)
            self.walk_map(r, visit)
            if found != [r.nodes, r.mapped]:
                raise Damage("%d nodes and %d blocks instead of %d and %d" % (
                    *found, r.nodes, r.mapped))
            for base, (place, crc, _) in r.brought.items():
                if crc32c(self.place(place)) != crc:
                    raise Damage("block %d: checksum" % place)
                put(base, self.place(place))
        except (Damage, OSError) as e:
            self.complain("%s: %s" % (r.label, e))
        out.close()
        return kept


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[1].startswith("-"):
        print("usage: pool-dump.py POOL [DIRECTORY]", file=sys.stderr)
        return 2
    try:
        pool = Pool(open(sys.argv[1], "rb"))
        pool.read_table()
        pool.replay()
    except Damage as e:
        print("pool-dump: %s: %s" % (sys.argv[1], e), file=sys.stderr)
        return 2
    pool.count_references()
    for r in sorted(pool.records, key=lambda r: (r.label, r.slot)):
        if r.kind in (VOLUME, SNAPSHOT):
            print(("", "volume", "snapshot")[r.kind], r.label, r.size,
                  pool.dump(r, os.path.join(sys.argv[2], r.label)
                            if len(sys.argv) == 3 else None))
    for line in pool.damage:
        print("pool-dump: %s: %s" % (sys.argv[1], line), file=sys.stderr)
    return 1 if pool.damage else 0


if __name__ == "__main__":
    sys.exit(main())
