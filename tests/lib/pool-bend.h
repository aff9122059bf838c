/* SPDX-License-Identifier: BSD-3-Clause
 *
 * pool-bend: one thing is bent in a valid pool, all checksums are made right
 * again, and the check must say what is wrong.
 */

#ifndef NBDVOL_TEST_POOL_BEND_H
#define NBDVOL_TEST_POOL_BEND_H

#include "pool-samples.h"
#include "pool-verdict.h"

/* Samples by number (pool-samples.c). */
enum { SAMPLE_EMPTY, SAMPLE_ONE, SAMPLE_FAMILY, SAMPLE_BIG, SAMPLE_DEEP,
       SAMPLE_ORPHANS, SAMPLE_OVERLAY, SAMPLE_WIDE };

struct bend {
  const char *name;
  unsigned sample;
  void (*bend) (struct pi *p);
  const char *a, *b;            /* some line holds both; B may be NULL */
};

/* Runs all N; each is an assertion. */
extern void bend_all (const struct bend *b, size_t n);

/* ---- where things are, in p->image --------------------------------------- */

extern struct format_record *bend_record (struct pi *p, unsigned i);
/* Leaf N of a tree, as bytes. */
extern uint8_t *bend_leaf (struct pi *p, const struct format_root *root,
                           uint64_t n);
/* The entry that names the node at LEVEL above logical block BLOCK, or its
 * data block.
 */
#define BEND_DATA (-1)
extern struct format_entry *bend_entry (struct pi *p, unsigned record,
                                        uint64_t block, int level);
extern uint8_t *bend_block (struct pi *p, uint64_t place);
/* The reference count (less 1) of a place, and its bit in the space map. */
extern uint32_t *bend_refs (struct pi *p, uint64_t place);
extern void bend_space (struct pi *p, uint64_t place, bool set);
/* A place that is free, in a backed slab; the N-th of them. */
extern uint64_t bend_free (struct pi *p, unsigned n);

#endif /* NBDVOL_TEST_POOL_BEND_H */
