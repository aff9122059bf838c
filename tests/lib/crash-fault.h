/* SPDX-License-Identifier: BSD-3-Clause
 *
 * crash-fault: scenarios in which the i-th thing fails, for every i.
 *
 * A scenario is a number of random operations, made from a seed, on a small
 * pool.  A fault is planted before they begin.  Each operation may then fail,
 * but only with an error that says so, and without a trace unless the pool
 * is poisoned; and when the process is started again, on a disk that works,
 * everything is as at one commit that holds what was promised.
 */

#ifndef NBDVOL_CRASH_FAULT_H
#define NBDVOL_CRASH_FAULT_H

#include "crash-world.h"
#include "devices-test.h"

struct fault_case {
  const struct crash_engine *e;
  uint64_t seed;
  unsigned steps;
  /* Plant it in W, whose pool is open; take it out. */
  void (*plant) (void *opaque, struct crash_world *w);
  void (*clear) (void *opaque, struct crash_world *w);
  void *opaque;
};

/* False: FAILURE (of SIZE bytes) says why. */
extern bool fault_run (const struct fault_case *c, char *failure, size_t size);

#endif /* NBDVOL_CRASH_FAULT_H */
