/* SPDX-License-Identifier: BSD-3-Clause
 *
 * crash-model: random sequences of operations against the oracle, without
 * crashes, and the smallest sequence that still fails.
 *
 * A case runs in a process of its own, so that one that dies or hangs can be
 * made smaller too; its operations are written down in shared memory before
 * they are done.
 */

#ifndef NBDVOL_CRASH_MODEL_H
#define NBDVOL_CRASH_MODEL_H

#include "crash-world.h"

#define MODEL_OPS 20000         /* at most, in one case */

struct model_case {
  const struct crash_engine *e;
  uint64_t seed;
  uint64_t blocks;
  uint32_t block;
  const struct crash_mix *mix;
  unsigned steps;               /* operations to make */
  unsigned reopen;              /* close and open after so many; 0 = never */
};

/* Of the last case that ran; in shared memory. */
struct model_result {
  uint64_t steps, full_steps, refused, compared;
  size_t nops;
  struct crash_op op[MODEL_OPS];
  char failure[1024];
};

/* The result is valid until the next call. */
extern const struct model_result *model_run (const struct model_case *c);
/* After a failure: takes operations away as long as it still fails, for at
 * most SECONDS.
 */
extern const struct model_result *model_minimise (const struct model_case *c,
                                                  unsigned seconds);
extern void model_print (const struct model_case *c,
                         const struct model_result *r);

/* A case from a seed, one of many shapes. */
extern void model_case_make (struct model_case *c,
                             const struct crash_engine *e, uint64_t seed);

#endif /* NBDVOL_CRASH_MODEL_H */
