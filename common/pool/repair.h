/* SPDX-License-Identifier: BSD-3-Clause
 *
 * repair: what the files of the repair share.
 *
 *   repair.c       pool_repair: which superblock, in which order, the end
 *   repair-load.c  the pool's own trees, without what is damaged
 *   repair-walk.c  what the maps name, and how often
 *   repair-fix.c   space, counts, slabs and records as they were found
 *   repair-map.c   blocks that are named twice; which bytes are lost
 *
 * The engine is opened with trees that were counted anew instead of read, and
 * commits them as it commits everything: to free places, and true by one
 * superblock.  Until then nothing that the superblock before it names is
 * written to, so a crash or an error leaves the pool as it was.
 *
 * One struct repair belongs to one round and one thread; it has no lock.
 */

#ifndef NBDVOL_POOL_REPAIR_H
#define NBDVOL_POOL_REPAIR_H

#include "pool-internal.h"

/* What replay.c is told when it has to do with damage; in struct pool. */
struct salvage {
  uint64_t generation;          /* transactions of later ones are not taken;
                                 * UINT64_MAX: all are */
  uint64_t first, last;         /* out: transactions that are lost; 0: none */
  uint64_t skipped;             /* out: blocks that no map has room for */
};

BASE_VECTOR (text_vector, char *);

/* A block with more than one name. */
struct repair_shared {
  uint64_t place;               /* 0: empty slot */
  struct format_entry entry;    /* the one it is right for; 0: none yet */
  uint64_t base;
  uint8_t level;                /* REPAIR_DATA: data; REPAIR_OWN: a node of
                                 * the pool's own trees */
  uint32_t owner;               /* record, by index */
  uint32_t named;               /* entries that name it */
  uint64_t data, nodes;         /* nodes: what the subtree holds */
  bool bad;                     /* ... or part of it is damaged */
};
#define REPAIR_DATA 254
#define REPAIR_OWN 255

/* A record, and what its map was found to hold. */
struct repair_record {
  uint32_t slot;
  char *name;                   /* as people see it; owned */
  uint64_t data, nodes, shared;
  uint32_t youngest;            /* birth of what it shares; 0: nothing */
  bool bad;                     /* parts could not be read */
};
BASE_VECTOR (repair_record_vector, struct repair_record);

struct repair {
  struct pool *p;
  const struct pool_repair_options *options;
  struct pool_repair_result *result;
  struct salvage salvage;
  struct text_vector done;      /* what was repaired, told at the end */
  int stop;                     /* -errno that ends the repair; else 0 */
  bool changed;                 /* the trees differ from those on disk */
  bool records_lost;            /* ... of the table, to be sure */
  bool blind;                   /* parts of maps or the table are lost */
  bool older;                   /* an older generation is gone back to */
  bool quiet;                   /* lost records are not told again */
  bool verify_data;             /* data may have been written over */

  uint64_t *named, *twice;      /* by place: once, and again */
  uint64_t *entered, *tainted;  /* nodes: good; above one that is not */
  uint64_t *marked;             /* the space tree as it is */
  uint64_t *unknown_space, *unknown_refs;       /* by leaf */
  uint64_t *held;               /* places that the state before names */
  struct repair_shared *table;  /* open addressing */
  size_t table_size, table_used;
  struct repair_record_vector records;
  uint64_t conflicts;           /* entries that name what is another's */
  uint64_t next;                /* repair-map.c: where to look for a place */
  char *buf[FORMAT_MAX_LEVELS]; /* the walk's block of each level */
  char *spare;                  /* one more block */
};

/* ---- repair.c ------------------------------------------------------------ */

/* Remember a line of what was done. */
extern void repair_say (struct repair *re, const char *fs, ...)
  BASE_PRINTF (2, 3);
/* Read the block that E names: 0 good, 1 not what it should be; sets stop if
 * nothing can be said.
 */
extern int repair_read (struct repair *re, const struct format_entry *e,
                        void *buf);
extern void repair_no_memory (struct repair *re);

/* ---- repair-load.c ------------------------------------------------------- */

extern void repair_load (struct repair *re);
/* One of them may be shared with a map: all nodes of the pool's own trees. */
extern void repair_own_nodes (struct repair *re,
                              void (*fn) (struct repair *re,
                                          const struct format_entry *e));

/* ---- repair-walk.c ------------------------------------------------------- */

/* Everything that is named, from p->table and the loaded trees. */
extern void repair_walk (struct repair *re);
extern void repair_walk_reset (struct repair *re);
extern struct repair_shared *repair_find (const struct repair *re,
                                          uint64_t place);
/* May E, of one of TYPES, stand below a parent born at BIRTH? */
extern bool repair_entry_ok (struct repair *re, const struct format_entry *e,
                             unsigned types, uint32_t birth);
/* Is E at LEVEL and BASE what the block at its place was written for? */
extern bool repair_is_owner (const struct repair_shared *s,
                             const struct format_entry *e, unsigned level,
                             uint64_t base);
/* Logical blocks of R's map that count, and those below that do not. */
extern uint64_t repair_map_end (const struct repair *re,
                                const struct format_record *f);
extern uint64_t repair_map_start (const struct format_record *f);

/* ---- repair-fix.c -------------------------------------------------------- */

extern void repair_fix (struct repair *re);

/* ---- repair-map.c -------------------------------------------------------- */

/* Each entry that names another's block gets one of its own. */
extern void repair_part (struct repair *re);
/* Tell the bytes of volumes that cannot be read. */
extern void repair_list_lost (struct repair *re);

#endif /* NBDVOL_POOL_REPAIR_H */
