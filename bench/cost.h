/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The pools that pool-cost measures, and its clocks.  A failure ends the
 * program with the engine's message.
 */

#ifndef NBDVOL_COST_H
#define NBDVOL_COST_H

#include "constdev.h"
#include "pool.h"

#define BLOCK UINT64_C (4096)
#define WORKING_SET (UINT64_C (128) << 20)      /* bytes */

struct cost_pool {
  const char *name;
  uint64_t capacity;            /* bytes; of the volume too */
  uint64_t mapped;              /* blocks spread over it */
  struct vdev *backing;         /* borrowed from POOL while it is open */
  struct pool *pool;
  struct vdev *volume;
};

#define COST_POOLS 3
#define COST_LARGEST 2
extern struct cost_pool cost_pools[COST_POOLS];

extern struct base_rng cost_rng;
extern uint64_t cost_scale;
extern uint8_t cost_block[CONSTDEV_BLOCK];      /* the constant */

/* DIR, SEED, SCALE. */
extern void cost_begin (const char *dir);
extern void cost_die (const char *what) __attribute__ ((__noreturn__));
#define must(call)                                      \
  do {                                                  \
    if ((call) < 0)                                     \
      cost_die (#call);                                 \
  } while (0)

/* An empty pool, made anew. */
extern void cost_make (struct cost_pool *c);
/* Opened and started as a server does; without a thread of its own. */
extern void cost_open (struct cost_pool *c);
extern void cost_open_quiet (struct cost_pool *c);
extern void cost_close (struct cost_pool *c);
/* The pool is closed: drop its file from the page cache. */
extern void cost_forget_pages (const struct cost_pool *c);

/* DIR/plain, to compare with. */
extern struct vdev *cost_plain_file (uint64_t size);

/* CPU of this process, all threads, user and system; monotonic time. */
extern double cost_cpu_us (void);
extern double cost_wall_us (void);
/* Sorts VALUES. */
extern double cost_median (double *values, size_t n);

/* The step `memory` (cost-memory.c). */
extern void cost_memory (void);
/* The step `amplify` (cost-amplify.c). */
extern void cost_amplify (void);

#endif /* NBDVOL_COST_H */
