/* SPDX-License-Identifier: BSD-3-Clause
 *
 * linear-load: threads that write, read, trim, zero, flush and look at the
 * same few blocks of two volumes through several handles, while a keeper
 * takes snapshots of one or of both at once, clones and removes them, flushes,
 * runs checkpoints and reclaims.  The histories go to the judge of linear.h:
 *
 * - each block of a volume is linearizable, cell by cell and as a whole, with
 *   every snapshot and every clone of the volume as a read of it;
 * - a snapshot, and a group of them, is one moment of all blocks;
 * - a snapshot and a clone do not change.
 *
 * A request of several blocks is judged in each block by itself: that it is
 * done at one moment is nowhere promised (vdev.h).  One that is refused for
 * want of space has no part in the history: what it would have written must
 * be seen by nobody.
 *
 * The same load runs on simulated threads, by seed, and on real ones.
 */

#ifndef NBDVOL_LINEAR_LOAD_H
#define NBDVOL_LINEAR_LOAD_H

#include <stdint.h>
#include <stdbool.h>

#define LOAD_MAX_THREADS 8

struct load {
  uint64_t seed;
  unsigned threads;             /* beside the keeper */
  unsigned requests;            /* of each */
  unsigned rounds;              /* of the keeper */
  uint32_t block_size;
  uint64_t blocks;              /* of the pool; few: it will be full */
  bool one_writer;
  bool one_node_cached;
  bool background;              /* a thread of the pool's own */
  bool simulated;               /* threads; then no place may be overwritten
                                 * while somebody reads it */
};

struct load_result {
  uint64_t requests;            /* that were done */
  uint64_t refused;             /* for want of space */
  uint64_t judged;              /* requests in histories of single blocks */
  uint64_t cuts;
};

/* A load drawn from SEED. */
extern void load_draw (struct load *l, uint64_t seed);
/* What is wrong fails the test. */
extern void load_run (const struct load *l, struct load_result *r);


#endif /* NBDVOL_LINEAR_LOAD_H */
