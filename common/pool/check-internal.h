/* SPDX-License-Identifier: BSD-3-Clause
 *
 * check-internal: what the files of the check share.
 *
 *   check.c        check_image: geometry, copies, markers, order of the walk
 *   check-read.c   problems, reading and proving blocks, cache, entries
 *   check-reach.c  which blocks have been reached, and how often
 *   check-tree.c   the pool's own trees: walk, and comparison at the end
 *   check-record.c records of volumes
 *   check-map.c    the map of one record
 *
 * One struct check belongs to one call of check_image and to one thread; it
 * has no lock.  Nothing read from the backing is trusted: places and levels
 * are checked before use, recursion goes down one level each time and a node
 * is entered once, so time is bounded by the blocks of the pool.
 */

#ifndef NBDVOL_POOL_CHECK_INTERNAL_H
#define NBDVOL_POOL_CHECK_INTERNAL_H

#include <inttypes.h>

#include "check.h"

/* A block of bits per CHECK_CHUNK places, made when the first is set. */
#define CHECK_CHUNK_SHIFT 18
#define CHECK_CHUNK (UINT64_C (1) << CHECK_CHUNK_SHIFT)

/* What a map's subtree holds: kept for shared nodes, so that the second
 * volume that comes along need not walk it again.
 */
struct check_subtree {
  uint64_t data, nodes;         /* DATA entries; nodes, its root too */
  uint64_t shared;              /* of these nodes, reached through a node with
                                 * more than one reference */
  uint64_t end;                 /* 1 + highest logical block that is no HOLE */
  bool zero;                    /* has a ZERO entry */
  bool bad;                     /* parts could not be read: do not compare */
};

/* Where the walk stands, for messages and for telling places apart. */
enum check_tree_id {
  CHECK_MAP, CHECK_TABLE, CHECK_SPACE, CHECK_REFS, CHECK_BACKED,
};
struct check_at {
  const char *label;            /* "volume root", "space map" */
  enum check_tree_id tree;
  unsigned level;               /* of the node; data: CHECK_DATA_LEVEL */
  uint64_t base;                /* first logical block or leaf below */
};
#define CHECK_DATA_LEVEL 255

/* A shared block of which LEFT references have not been met yet. */
struct check_shared {
  uint64_t place;               /* 0: empty slot (place 0 is fixed) */
  uint32_t print;               /* fingerprint of entry and position */
  uint32_t left;
  struct check_subtree *memo;   /* nodes of maps; else NULL; owned */
};

struct check_cached {
  struct format_entry entry;    /* of the block in this slot; 0: none */
  bool good;
};

struct check {
  struct vdev *backing;
  const struct format_super *super;
  const struct pool_check_options *options;
  struct pool_check_result *result;

  unsigned block_shift, fan_shift;
  size_t bs, fan;
  uint64_t blocks;
  uint32_t epoch;

  int stop;                     /* -errno that ends the check early; else 0 */
  bool blind;                   /* some node could not be read or entered */

  uint64_t **chunks;            /* bits: fixed or reached */
  struct check_shared *table;   /* open addressing */
  size_t table_size, table_used;        /* size: power of two */

  struct check_cached *cached;
  uint8_t *cache_blocks;
  size_t cache_slots;           /* power of two */

  uint8_t *node[FORMAT_MAX_LEVELS];     /* the walk's block of each level */
  uint8_t *data;                /* CHECK_DATA_BYTES, when data is checked */
};
#define CHECK_DATA_BYTES (256 * 1024)

/* N >> BITS, also for 64 and more. */
static inline uint64_t
check_shr (uint64_t n, unsigned bits)
{
  return bits < 64 ? n >> bits : 0;
}

/* Leaves (map: fans of logical blocks) below a node of LEVEL; 2^63 stands for
 * more than any tree has.
 */
static inline uint64_t
check_span (const struct check *c, unsigned level)
{
  unsigned bits = level * c->fan_shift;

  return UINT64_C (1) << BASE_MIN (bits, 63);
}

/* ---- check-read.c -------------------------------------------------------- */

extern void check_error (struct check *c, const char *fs, ...)
  BASE_PRINTF (2, 3);
/* N blocks leaked. */
extern void check_leak (struct check *c, uint64_t n, const char *fs, ...)
  BASE_PRINTF (3, 4);
/* False when the caller's progress function wants to stop. */
extern bool check_progress (struct check *c);

extern const char *check_block_name (const struct check_at *at);
/* Reads the block that E names and proves it.  NULL = good, else what is
 * wrong.  Sets c->stop when the check cannot go on.
 */
extern const char *check_read (struct check *c, const struct format_entry *e,
                               void *buf);
/* The proven block that E names, or NULL; valid until the next call. */
extern const uint8_t *check_cached_block (struct check *c,
                                          const struct format_entry *e);
/* E is a well-formed entry of one of TYPES (bits 1 << type) that may stand
 * under a parent born at BIRTH.  Otherwise reports and returns false.  True
 * for HOLE only if TYPES has it.
 */
extern bool check_entry (struct check *c, const struct check_at *at,
                         const struct format_entry *e, unsigned types,
                         uint32_t birth);
/* The number that the refs tree holds for PLACE, -1 if it cannot be read. */
extern int64_t check_refs (struct check *c, uint64_t place);
/* The bit of SLAB in the backed tree; true if it cannot be read. */
extern bool check_backed (struct check *c, uint64_t slab);

/* ---- check-reach.c ------------------------------------------------------- */

extern int check_reach_start (struct check *c);
extern void check_reach_end (struct check *c);

extern bool check_reached (const struct check *c, uint64_t place);
extern void check_set_reached (struct check *c, uint64_t place);
/* The first reached place at or above PLACE, c->blocks if there is none. */
extern uint64_t check_next_reached (const struct check *c, uint64_t place);

enum check_reach {
  CHECK_FIRST,                  /* not met before: go in */
  CHECK_AGAIN,                  /* rightly met before; *MEMO is filled in */
  CHECK_CLASH,                  /* wrongly; reported */
};
/* The entry E at AT names a block.  *REFS: what the refs tree says. */
extern enum check_reach check_reach (struct check *c,
                                     const struct check_at *at,
                                     const struct format_entry *e,
                                     int64_t *refs,
                                     struct check_subtree *memo);
/* What the shared node at PLACE was found to hold. */
extern void check_remember (struct check *c, uint64_t place,
                            const struct check_subtree *memo);
/* Reports blocks of which fewer references were met than are counted. */
extern void check_unmet (struct check *c);

/* ---- check-tree.c -------------------------------------------------------- */

enum check_leaf { CHECK_PRESENT, CHECK_ABSENT, CHECK_UNKNOWN };
/* Leaves FIRST .. FIRST + N - 1 (N is 1 when PRESENT). */
typedef void (*check_leaf_fn) (struct check *c, uint64_t first, uint64_t n,
                               enum check_leaf state, const uint8_t *leaf,
                               void *opaque);

/* Walks and proves the four trees; FN gets the leaves of the table. */
extern void check_pool_trees (struct check *c, check_leaf_fn fn, void *opaque);
/* Compares space, refs and backed with what was reached. */
extern void check_compare (struct check *c);

/* ---- check-record.c ------------------------------------------------------ */

/* A record, in short. */
struct check_record {
  char *name, *label;           /* owned; label: "snapshot root@mon" */
  uint64_t slot, id, parent, size, mapped, nodes, shared, cursor;
  struct format_root root;
  uint32_t epoch, snap_epoch;
  uint8_t kind, flags;
};

struct check_records;
extern int check_records_new (struct check *c, struct check_records **ret);
extern void check_records_free (struct check_records *r);
/* A check_leaf_fn; OPAQUE is the struct check_records. */
extern void check_records_leaf (struct check *c, uint64_t first, uint64_t n,
                                enum check_leaf state, const uint8_t *leaf,
                                void *opaque);
/* After the last leaf: names, ids, parents; then all maps. */
extern void check_records_all (struct check *c, struct check_records *r);

/* ---- check-map.c --------------------------------------------------------- */

extern void check_map (struct check *c, const struct check_record *r);

#endif /* NBDVOL_POOL_CHECK_INTERNAL_H */
