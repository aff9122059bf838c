/* SPDX-License-Identifier: BSD-3-Clause
 *
 * toy-engine: a very small copy-on-write pool for trying the harness on.
 *
 * Two volumes of eight blocks, snapshots, one table that a commit writes
 * whole.  It is right unless a bug is switched on; each bug is a mistake of
 * the kind the harness is there to find.
 */

#ifndef NBDVOL_TOY_ENGINE_H
#define NBDVOL_TOY_ENGINE_H

#include "crash-engine.h"

enum toy_bug {
  TOY_RIGHT,
  TOY_NO_FLUSH_1,               /* superblock without waiting for the table */
  TOY_NO_FLUSH_2,               /* acknowledged before the superblock is
                                 * durable */
  TOY_REUSE_AT_ONCE,            /* a freed block is reused before a commit */
  TOY_REUSE_AT_CUT,             /* ... before its commit is durable */
  TOY_IN_PLACE,                 /* an exclusive block is overwritten */
  TOY_NO_COMPARE,               /* sub-block merge without compare-and-swap */
  TOY_FLUSH_IGNORES_COMMIT,     /* nothing open, so flush returns, though a
                                 * commit is under way */
  TOY_REFUSES_HALF,             /* a refused request has changed something */
  TOY_CUT_MOVES,                /* the table is read while it changes */
  TOY_NOT_WOKEN,                /* who waits for a commit is not woken */
  TOY_EDGE,                     /* a trim forgets its unaligned end */
  TOY_SNAPSHOT_NOT_COUNTED,     /* blocks shared with a snapshot are freed */
  TOY_NO_REWRITE,               /* the superblock that was opened may be only
                                 * in the page cache */
  TOY_VERB_UNCOMMITTED,         /* a snapshot is acknowledged at once */
  TOY_FLUSH_RETRIED,            /* after a failed flush the next may succeed */
  TOY_BUGS
};

extern const char *const toy_bug_names[TOY_BUGS];
extern enum toy_bug toy_bug;    /* set before anything is opened */

extern const struct crash_engine toy_engine;

#endif /* NBDVOL_TOY_ENGINE_H */
