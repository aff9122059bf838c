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

/* Kinds of operations beyond those of the crash tests. */
enum model_kind {
  MODEL_EXTENTS = CRASH_KINDS,  /* what is a hole; of a range, as a read */
  MODEL_SCRUB,
  MODEL_CRASH,                  /* right after a flush, and open again */
};

struct model_case {
  const struct crash_engine *e;
  uint64_t seed;
  uint64_t blocks;
  uint32_t block;
  uint64_t journal;             /* blocks; 0 = by the pool's size */
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

/* In crash-model-ops.c: as crash_op_random, crash_do and crash_op_text, with
 * the kinds above.
 */
extern void model_op_random (struct crash_actor *a,
                             const struct crash_mix *mix,
                             struct base_rng *rng, struct crash_op *op);
extern bool model_do (struct crash_actor *a, const struct crash_op *op);
extern void model_op_text (const struct crash_op *op, char *text,
                           size_t size);

/* A case from a seed, one of many shapes. */
extern void model_case_make (struct model_case *c,
                             const struct crash_engine *e, uint64_t seed);

#endif /* NBDVOL_CRASH_MODEL_H */
