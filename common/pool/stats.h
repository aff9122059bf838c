/* SPDX-License-Identifier: BSD-3-Clause
 *
 * stats: counters and latencies of a volume; pool.h says what they mean.
 */

#ifndef NBDVOL_POOL_STATS_H
#define NBDVOL_POOL_STATS_H

#include <stdatomic.h>

#include "base.h"
#include "pool.h"

struct pool;
struct volume;
struct stats_shard;

/* What the pool did as a whole. */
struct totals {
  struct pool_counters gone;    /* of volumes that left the list; table_lock */
  uint64_t first_seq;           /* transaction durable when it was opened */
  atomic_uint_fast64_t checkpoints, syncs;
};

/* The pool is open: from here on counts. */
extern void stats_begin (struct pool *p);
/* V is to get its first handle.  lock: table_lock.  -ENOMEM. */
extern int stats_attach_locked (struct volume *v);
extern void stats_free (struct volume *v);
/* A request that came at SINCE (monotonic) ends with R. */
extern void stats_timed (struct volume *v, enum pool_latency what,
                         uint64_t since, uint64_t bytes, int r);
extern void stats_trim (struct volume *v, int r);
extern void stats_zero (struct volume *v, int r);
/* Add V's to C.  lock: table_lock. */
extern void stats_add_locked (const struct volume *v, struct pool_counters *c);

#endif /* NBDVOL_POOL_STATS_H */
