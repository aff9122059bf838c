/* SPDX-License-Identifier: BSD-3-Clause
 *
 * systree: the pool's own trees, space, refs, backed and table, and who
 * fills their leaves.  Only the holder of the commit touches any of this.
 */

#ifndef NBDVOL_POOL_SYSTREE_H
#define NBDVOL_POOL_SYSTREE_H

#include "base.h"
#include "format.h"

struct cut;
struct pool;

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
  uint64_t *lost;               /* read-only: places of damaged nodes, which */
  size_t nlost;                 /* entry[] has as holes; never change */
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
/* What node I of level K holds by what is in memory, into BUF: -ENOENT if that
 * is not there.
 */
extern int systree_content (struct systree *t, unsigned k, uint64_t i,
                            void *buf);
extern void systree_root (const struct systree *t, struct format_root *root);
/* Nodes a full tree of TOTAL items has. */
extern uint64_t systree_max_nodes (const struct systree *t);

/* References beyond the first.  Commit holder only. */
extern int refs_get (struct pool *p, uint64_t place, uint32_t *n);
extern int refs_add (struct pool *p, uint64_t place, int delta);
extern void refs_trim (struct pool *p);
extern int refs_init (struct pool *p);
extern int refs_resize (struct pool *p, uint64_t leaves);
extern void refs_free (struct pool *p);
extern int refs_fill (struct systree *t, uint64_t i, void *buf);
/* The page if it is in memory, else -ENOENT. */
extern int refs_peek (struct systree *t, uint64_t i, void *buf);

#endif /* NBDVOL_POOL_SYSTREE_H */
