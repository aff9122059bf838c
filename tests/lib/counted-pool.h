/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A pool in memory whose backing counts: how many reads, writes, flushes and
 * bytes a request costs below.  There is no background thread, so what is
 * counted is what the request itself did.  A failure ends the test.
 */

#ifndef NBDVOL_COUNTED_POOL_H
#define NBDVOL_COUNTED_POOL_H

#include "pool.h"

#define COUNTED_BLOCK UINT64_C (4096)

struct counted_pool {
  struct vdev *faulty, *recorder;       /* borrowed from POOL */
  struct pool *pool;
  struct vdev *volume;          /* "v" */
  uint64_t before[5];           /* of `faulty`, at the last counted_take */
};

struct counts {
  uint64_t reads, writes, flushes, trims;       /* calls */
  uint64_t written;             /* bytes */
};

/* A pool of CAPACITY bytes with one volume of SIZE; nothing is dirty. */
extern void counted_open (struct counted_pool *c, uint64_t capacity,
                          uint64_t size);
/* Closed and opened again: no map is in memory. */
extern void counted_reopen (struct counted_pool *c);
extern void counted_close (struct counted_pool *c);
/* What came down since the last call. */
extern struct counts counted_take (struct counted_pool *c);

/* Block BLOCK of the volume gets new bytes that are not zero. */
extern void counted_write (struct counted_pool *c, uint64_t block,
                           uint64_t nblocks);
extern void counted_flush (struct counted_pool *c);

#endif /* NBDVOL_COUNTED_POOL_H */
