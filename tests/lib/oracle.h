/* SPDX-License-Identifier: BSD-3-Clause
 *
 * oracle: what every volume and snapshot must hold, kept as flat pages.
 *
 * A state is the set of all volumes at one moment: names, sizes, contents.
 * States share pages, so that one can be kept for every commit.  The harness
 * changes the live state at the moment the engine says a change takes effect
 * and keeps the live state at each cut.
 *
 * The timeline says which of the kept states a crash may leave behind: those
 * cut before the crash that hold everything acknowledged as durable by then.
 * Positions are positions in the log of the backing device.
 *
 * Not for real threads: under the simulation one thread runs at a time.
 */

#ifndef NBDVOL_ORACLE_H
#define NBDVOL_ORACLE_H

#include "base.h"

#define ORACLE_PAGE 4096
#define ORACLE_NAME 32

struct oracle_data;             /* contents, shared and counted */

struct oracle_volume {
  char name[ORACLE_NAME];       /* "v0" or "v0@s1" */
  uint64_t key;                 /* the oracle's own, never reused */
  uint64_t id;                  /* the engine's; 0 = not known yet */
  uint64_t size;                /* bytes */
  bool snapshot;
  bool hidden;                  /* an import under way: no crash keeps it */
  struct oracle_data *data;
};

struct oracle_state {
  unsigned refs;
  size_t n;
  struct oracle_volume v[];     /* sorted by name */
};

extern struct oracle_state *oracle_state_new (void);
extern struct oracle_state *oracle_state_ref (struct oracle_state *s);
extern void oracle_state_unref (struct oracle_state *s);

/* NULL if there is none. */
extern struct oracle_volume *oracle_find (const struct oracle_state *s,
                                          const char *name);
extern struct oracle_volume *oracle_find_key (const struct oracle_state *s,
                                              uint64_t key);

/* The functions below change *SP, after copying it if it is shared; pointers
 * to its volumes are not valid afterwards.
 *
 * Add a volume that is all zero, or that holds what FROM holds.
 */
extern void oracle_add (struct oracle_state **sp, const char *name,
                        uint64_t key, uint64_t size, bool snapshot,
                        const struct oracle_volume *from);
extern void oracle_drop (struct oracle_state **sp, uint64_t key);
extern void oracle_rename (struct oracle_state **sp, uint64_t key,
                           const char *name);
extern void oracle_set_id (struct oracle_state **sp, uint64_t key, uint64_t id);
extern void oracle_set_hidden (struct oracle_state **sp, uint64_t key,
                               bool hidden);
extern void oracle_resize (struct oracle_state **sp, uint64_t key,
                           uint64_t size, uint32_t block);
/* KEY gets the size and contents of FROM. */
extern void oracle_become (struct oracle_state **sp, uint64_t key,
                           uint64_t from);
/* BUF NULL = zeroes.  BLOCK: the engine's block size, for what is below. */
extern void oracle_write (struct oracle_state **sp, uint64_t key,
                          const void *buf, uint64_t len, uint64_t off,
                          uint32_t block);
/* From now on KEY shares all its blocks with another volume. */
extern void oracle_share (struct oracle_state **sp, uint64_t key);

/* True if each block that [off, off + len) touches holds something and was
 * written since the last snapshot: such an overwrite is never refused.
 */
extern bool oracle_exclusive (const struct oracle_volume *v, uint64_t len,
                              uint64_t off, uint32_t block);
/* What is not exclusive in the volume of the same name in OTHER is not in *SP
 * either.
 */
extern void oracle_exclusive_in_both (struct oracle_state **sp,
                                      const struct oracle_state *other);
/* True if each block that [off, off + len) touches is either exclusive or
 * covered whole: such a trim needs no new block.
 */
extern bool oracle_trimmable (const struct oracle_volume *v, uint64_t len,
                              uint64_t off, uint32_t block);

extern void oracle_read (const struct oracle_volume *v, void *buf, size_t len,
                         uint64_t off);
/* Compares without copying; false and *WHERE = the first offset that
 * differs.
 */
extern bool oracle_same (const struct oracle_volume *v, const void *buf,
                         size_t len, uint64_t off, uint64_t *where);
/* Blocks that are not all zero. */
extern uint64_t oracle_pages (const struct oracle_volume *v);

/* Data of a volume, to be kept by readers while writers go on. */
extern struct oracle_data *oracle_data_ref (struct oracle_data *d);
extern void oracle_data_unref (struct oracle_data *d);
/* The page at index I, NULL = zero. */
extern const uint8_t *oracle_data_page (const struct oracle_data *d, size_t i);

/* ---- timeline ---------------------------------------------------------- */

struct oracle_cut {
  uint64_t position;            /* in the log */
  uint64_t change;              /* changes 1..CHANGE are in it */
  struct oracle_state *state;
};
struct oracle_floor {
  uint64_t position;            /* from here on ... */
  uint64_t change;              /* ... these are promised to be durable */
};
struct oracle_timeline {
  struct oracle_cut *cut;
  size_t ncuts, cap_cuts;
  struct oracle_floor *floor;
  size_t nfloors, cap_floors;
};

/* Takes over the reference to STATE. */
extern void oracle_add_cut (struct oracle_timeline *t, uint64_t position,
                            uint64_t change, struct oracle_state *state);
extern void oracle_add_floor (struct oracle_timeline *t, uint64_t position,
                              uint64_t change);
/* The cuts that a crash at POSITION may leave: [*first, *end). */
extern void oracle_candidates (const struct oracle_timeline *t,
                               uint64_t position, size_t *first, size_t *end);
extern void oracle_timeline_reset (struct oracle_timeline *t);

#endif /* NBDVOL_ORACLE_H */
