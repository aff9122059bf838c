/* SPDX-License-Identifier: BSD-3-Clause
 *
 * format: what a pool looks like on its backing device.
 *
 * docs/pool-format.md is the full text; this header is its C form, private
 * to the pool room.  All integers are little endian.  Places are numbers of
 * blocks from the start of the backing.
 *
 *   byte 0        superblock slot A        (odd generations)
 *   byte 64 KiB   superblock slot B        (even generations)
 *   byte 128 KiB  owner record
 *   journal       journal_start .. + journal_length: four blocks of
 *                 generation markers, then the ring
 *   last two blocks of the capacity at format time: twins A', B'
 *   everything else: data blocks and nodes, anywhere
 *
 * One structure is used for everything: the radix tree.  A node fills one
 * block.  An interior node is an array of 16-byte entries, fan-out block
 * size / 16; an entry names the place of a child and carries the check of
 * the child's bytes, so every checksum lives in the parent, up to the
 * superblock.  What a leaf holds depends on the tree:
 *
 *   map of a volume   entries of data blocks, by logical block
 *   table             records of volumes, 512 bytes each, by slot
 *   space             one bit per block: 1 = allocated
 *   refs              one 32-bit number per block: references beyond the
 *                     first (an absent page is all zero)
 *   backed            one bit per slab: 1 = the backing is really there
 *
 * A tree of L levels has its root at level L-1 and its leaves at level 0;
 * the root entry stands in the superblock or in the volume's record.  A root
 * entry of type HOLE is an empty tree.
 */

#ifndef NBDVOL_POOL_FORMAT_H
#define NBDVOL_POOL_FORMAT_H

#include "base.h"

#define FORMAT_MAGIC "nbdvolP1"
#define FORMAT_OWNER_MAGIC "nbdvolOW"
#define FORMAT_MARKER_MAGIC "nbdvolMK"
#define FORMAT_JOURNAL_MAGIC "nbdvolJB"
#define FORMAT_VERSION 1

#define FORMAT_SLOT_A 0                 /* bytes */
#define FORMAT_SLOT_B 65536
#define FORMAT_OWNER 131072
#define FORMAT_SUPER_SIZE 512           /* meaningful part: one sector */
#define FORMAT_MARKERS 4                /* blocks at the journal's start */

#define FORMAT_MIN_BLOCK_SHIFT 12       /* 4 KiB */
#define FORMAT_MAX_BLOCK_SHIFT 16       /* 64 KiB */
#define FORMAT_MIN_BLOCKS 40            /* smallest pool */
#define FORMAT_MAX_BLOCKS (UINT64_C (1) << 40)
#define FORMAT_MAX_VOLUME (UINT64_C (1) << 52)  /* bytes, 4 PiB */
#define FORMAT_NAME_MAX 200
#define FORMAT_RECORD_SIZE 512
#define FORMAT_MAX_LEVELS 8

/* ---- entries ------------------------------------------------------------- */

enum format_type {
  FORMAT_HOLE = 0,              /* nothing; the whole entry is zero */
  FORMAT_DATA = 1,              /* a data block */
  FORMAT_ZERO = 2,              /* reads as zero, no block (only in volumes
                                 * with the overlay flag) */
  FORMAT_NODE = 3,              /* a node one level down */
};

struct format_entry {
  uint64_t word;                /* 0-39 place, 40-43 type, 44-47 device (0),
                                 * 48-63 reserved (0) */
  uint32_t birth;               /* epoch in force when it was published */
  uint32_t check;               /* crc32c (child) ^ mix (uuid, place, birth) */
} __attribute__ ((__packed__));

#define FORMAT_PLACE_MASK ((UINT64_C (1) << 40) - 1)
#define FORMAT_TYPE_SHIFT 40

static inline uint64_t
format_place (const struct format_entry *e)
{
  return le64toh (e->word) & FORMAT_PLACE_MASK;
}

static inline unsigned
format_type (const struct format_entry *e)
{
  return (le64toh (e->word) >> FORMAT_TYPE_SHIFT) & 15;
}

static inline uint32_t
format_birth (const struct format_entry *e)
{
  return le32toh (e->birth);
}

static inline void
format_entry_set (struct format_entry *e, unsigned type, uint64_t place,
                  uint32_t birth, uint32_t check)
{
  e->word = htole64 (place | (uint64_t) type << FORMAT_TYPE_SHIFT);
  e->birth = htole32 (birth);
  e->check = htole32 (check);
}

static inline bool
format_entry_same (const struct format_entry *a, const struct format_entry *b)
{
  return a->word == b->word && a->birth == b->birth && a->check == b->check;
}

/* mix (uuid, place, birth) = crc32c of the 28 bytes: uuid, place as 64 bits,
 * birth as 32 bits.  It ties a block's check to its pool, its place and its
 * time, so that a misdirected or stale block is found out.
 */
extern uint32_t format_mix (const uint8_t uuid[16], uint64_t place,
                            uint32_t birth);

/* ---- superblock ---------------------------------------------------------- */

/* A volume's map, and each of the pool's own trees. */
struct format_root {
  struct format_entry entry;
  uint8_t levels;               /* 1..FORMAT_MAX_LEVELS */
  uint8_t reserved[7];
} __attribute__ ((__packed__));

/* Feature bits.  A reader that meets an unknown bit in `incompatible` does
 * not open the pool; in `readonly` it opens it read-only; `compatible` bits
 * are ignored.
 */
#define FORMAT_INCOMPATIBLE_JOURNAL UINT64_C (1)        /* the ring may hold
                                 * transactions that no tree has yet; a clean
                                 * close takes it away */
#define FORMAT_INCOMPATIBLE_KNOWN FORMAT_INCOMPATIBLE_JOURNAL
#define FORMAT_READONLY_KNOWN UINT64_C (0)
#define FORMAT_COMPATIBLE_RING UINT64_C (1)     /* the ring is backed */

struct format_super {
  char magic[8];
  uint32_t version;
  uint8_t block_shift;          /* 12..16 */
  uint8_t slab_shift;           /* blocks in a slab = 1 << slab_shift */
  uint8_t reserved0[2];
  uint64_t incompatible, readonly, compatible;
  uint8_t uuid[16];
  uint64_t blocks;              /* capacity, all kinds of blocks */
  uint64_t twin_a, twin_b;      /* places of the twins */
  uint64_t journal_start, journal_length;       /* blocks */
  uint64_t journal_tail_seq;    /* last transaction in the trees */
  uint64_t journal_tail_block;  /* block of the ring where the next begins */
  uint64_t generation;          /* odd: slot A, even: slot B; starts at 1 */
  uint64_t nonce;               /* of the run that wrote it */
  uint64_t next_id;             /* next volume id; ids are never reused */
  uint64_t allocated;           /* bits set in the space tree */
  int64_t created, written;     /* seconds since the epoch, UTC */
  uint32_t epoch;               /* ticks at snapshot, clone and rollback */
  uint32_t slots;               /* records in the table, also free ones */
  struct format_root table, space, refs, backed;
  uint32_t journal_chain;       /* crc of the journal block before the tail */
  uint8_t reserved1[236];
  uint32_t clean;               /* 1: written by a clean close */
  uint32_t crc;                 /* crc32c of the 508 bytes before it */
} __attribute__ ((__packed__));

_Static_assert (sizeof (struct format_entry) == 16, "entry is 16 bytes");
_Static_assert (sizeof (struct format_root) == 24, "root is 24 bytes");
_Static_assert (sizeof (struct format_super) == FORMAT_SUPER_SIZE,
                "superblock is one sector");

/* Sets magic and crc.  Fields of S are little endian already. */
extern void format_super_seal (struct format_super *s);
/* Magic and crc are right.  Says nothing of version and features. */
extern bool format_super_valid (const struct format_super *s);

/* Fixed places that no tree names: slots, owner, twins, journal.  True for
 * PLACE in one of them.  Blocks there are allocated in the space tree.
 */
extern bool format_is_fixed (const struct format_super *s, uint64_t place);
extern uint64_t format_fixed_blocks (const struct format_super *s);

/* ---- records of the table ------------------------------------------------ */

enum format_kind {
  FORMAT_FREE = 0,              /* an unused slot, all zero */
  FORMAT_VOLUME = 1,
  FORMAT_SNAPSHOT = 2,
  FORMAT_ORPHAN = 3,            /* nameless; being reclaimed from its cursor */
  FORMAT_INCOMPLETE = 4,        /* an import under way; an orphan after a
                                 * crash */
};

#define FORMAT_RECORD_READONLY 1        /* flags */
#define FORMAT_RECORD_OVERLAY 2         /* a hole is absent, not zero */
#define FORMAT_RECORD_CLONED 4          /* snapshot: was cloned from */

struct format_record {
  uint8_t kind;
  uint8_t flags;
  uint8_t name_length;
  uint8_t reserved0[5];
  uint64_t id;
  uint64_t parent;              /* snapshot: id of its volume; else 0 */
  uint64_t origin;              /* clone: id of what it was made from, for
                                 * people; else 0 */
  uint64_t size;                /* bytes */
  struct format_root root;
  uint64_t mapped;              /* data blocks in the map */
  uint64_t nodes;               /* nodes in the map */
  uint64_t shared;              /* upper bound of nodes shared with others */
  uint64_t cursor;              /* orphan: logical blocks below are done */
  int64_t created;              /* seconds, UTC */
  uint32_t epoch;               /* snapshot: epoch it was taken in;
                                 * volume: epoch it was made in */
  uint32_t snap_epoch;          /* a mapping with birth > this is exclusive */
  uint32_t share_floor;         /* snap_epoch never falls below */
  uint32_t reserved1;
  uint8_t base_uuid[16];        /* overlay: identity and size of the base */
  uint64_t base_size;
  char origin_name[64];         /* clone: as it was called then, cut to 63 */
  char name[FORMAT_NAME_MAX];   /* volume: VOLUME; snapshot: SNAP alone */
  uint8_t reserved2[104];
} __attribute__ ((__packed__));

_Static_assert (sizeof (struct format_record) == FORMAT_RECORD_SIZE,
                "record is 512 bytes");

/* ---- owner record and markers -------------------------------------------- */

/* Who has the pool open for writing.  For people and for finding the control
 * socket; never decides anything (the lock does).  Zeroed at a clean close.
 */
struct format_owner {
  char magic[8];
  int64_t pid;
  int64_t started;              /* seconds, UTC */
  char host[128];
  char socket[256];             /* path of the control socket, or "" */
  uint8_t reserved[100];
  uint32_t crc;                 /* of the bytes before it */
} __attribute__ ((__packed__));

_Static_assert (sizeof (struct format_owner) == 512, "owner is one sector");

/* Marker: names a generation that is durable in slot and twin.  A pool whose
 * newest valid superblock is older than a valid marker is damaged, never
 * opened.  Block journal_start + generation % 4.
 */
struct format_marker {
  char magic[8];
  uint8_t uuid[16];
  uint64_t generation;
  uint64_t nonce;
  uint8_t reserved[468];
  uint32_t crc;                 /* of the bytes before it */
} __attribute__ ((__packed__));

_Static_assert (sizeof (struct format_marker) == 512, "marker is one sector");

/* ---- journal ------------------------------------------------------------- */

/* A block of the ring: this header, then records, then anything.  A
 * transaction fills one block or several; its parts are numbered.
 */
struct format_journal {
  char magic[8];
  uint64_t nonce;               /* of the run: the superblock's */
  uint64_t seq;                 /* number of the transaction */
  uint64_t stable;              /* transactions up to here were durable */
  uint64_t generation;          /* superblock that was durable */
  uint32_t chain;               /* crc of the block before it in the ring */
  uint32_t part, parts;         /* part: 0 .. parts - 1 */
  uint32_t length;              /* bytes of records */
  uint32_t reserved;
  uint32_t crc;                 /* of the uuid and the whole block, with 0
                                 * here */
} __attribute__ ((__packed__));

_Static_assert (sizeof (struct format_journal) == 64, "header is 64 bytes");

/* A record.  MAP: blocks BLOCK .. + COUNT - 1 of VOLUME stand at PLACE and
 * behind it, and COUNT plain 32-bit crcs of their data follow.  UNMAP: PLACE
 * blocks from BLOCK on are holes; COUNT is 0.
 */
enum format_journal_type { FORMAT_JOURNAL_MAP = 1, FORMAT_JOURNAL_UNMAP = 2 };

struct format_journal_record {
  uint64_t word;                /* 0-39 block, 40-43 type, 44-47 0,
                                 * 48-63 count */
  uint64_t volume;              /* id */
  uint64_t place;
} __attribute__ ((__packed__));

#define FORMAT_JOURNAL_COUNT_SHIFT 48
#define FORMAT_JOURNAL_COUNT_MAX 65535

_Static_assert (sizeof (struct format_journal_record) == 24,
                "journal record is 24 bytes");

/* ---- shapes -------------------------------------------------------------- */

/* Levels of a tree with fan-out 1 << FAN_SHIFT whose leaves are numbered
 * below LEAVES (a leaf holds LEAF_ITEMS items): at least 1.
 */
extern unsigned format_levels (uint64_t leaves, unsigned fan_shift);

/* Default slab shift and journal length, by capacity. */
extern unsigned format_default_slab_shift (uint64_t blocks,
                                           unsigned block_shift);
extern uint64_t format_default_journal (uint64_t blocks, unsigned block_shift);

#endif /* NBDVOL_POOL_FORMAT_H */
