/* SPDX-License-Identifier: BSD-3-Clause
 *
 * systree: the pool's own trees in memory.  Private to the pool room, and
 * included by pool-internal.h.
 *
 * Space, refs, backed and table are arrays of items; what is said here of one
 * holds for all.  systree.c says why they are kept this way.
 */

#ifndef NBDVOL_POOL_SYSTREE_H
#define NBDVOL_POOL_SYSTREE_H

#include "format.h"

struct pool;
struct cut;

/* Space, refs, backed and table.  entry[k][i] names node i of level k; the
 * node of level k + 1 that holds it is exactly a slice of this array.  Only
 * the holder of the commit touches these.
 */
struct systree {
  const char *name;
  struct pool *pool;
  unsigned levels;
  uint64_t items;               /* per leaf */
  uint64_t count[FORMAT_MAX_LEVELS];            /* nodes per level */
  struct format_entry *entry[FORMAT_MAX_LEVELS];
  uint64_t *dirty[FORMAT_MAX_LEVELS];   /* bitmaps: to be written ... */
  uint64_t *placed[FORMAT_MAX_LEVELS];  /* ... and has its new place */
  uint64_t ndirty, nplaced;
  uint64_t existing;            /* nodes on disk; changed under space.lock */
  /* Fills BUF (one block) with leaf I.  -errno. */
  int (*fill) (struct systree *t, uint64_t i, void *buf);
};

extern int systree_init (struct systree *t, struct pool *p, const char *name,
                         uint64_t total, uint64_t items);
extern void systree_free (struct systree *t);
extern int systree_resize (struct systree *t, uint64_t total);
extern int systree_load (struct systree *t, const struct format_root *root,
                         int (*leaf) (struct systree *t, uint64_t i,
                                      const void *buf));
extern int systree_read_leaf (struct systree *t, uint64_t i, void *buf);
extern void systree_mark (struct systree *t, uint64_t leaf);
/* Gives every dirty node a new place; returns how many are placed now. */
extern int systree_place (struct systree *t, struct cut *cut,
                          uint64_t *placed);
/* Builds contents and checks from the leaves up and queues the writes. */
extern int systree_emit (struct systree *t, struct cut *cut);
extern void systree_root (const struct systree *t, struct format_root *root);
/* Nodes a full tree of TOTAL items has. */
extern uint64_t systree_max_nodes (const struct systree *t);

#endif /* NBDVOL_POOL_SYSTREE_H */
