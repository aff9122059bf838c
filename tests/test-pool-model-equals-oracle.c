/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The pool does what flat memory does: random operations of every kind, on
 * pools from 40 blocks to 64 MiB, with and without a ring, full for much of
 * the time, closed or cut off after a flush and opened again.  After each
 * operation what it touched is compared, now and then everything, and check
 * and scrub must be clean.  A sequence that fails is made small and printed.
 *
 * Environment CASES: how many sequences (each some thousand operations).
 */

#include <config.h>

#include "crash-model.h"
#include "test.h"

TEST_MAIN
{
  const uint64_t seed = test_seed (), n = test_env ("CASES", 48);
  uint64_t i, steps = 0, full = 0, refused = 0;
  const struct model_result *r;
  struct model_case c;

  for (i = 0; i < n; i++) {
    model_case_make (&c, &crash_pool_engine, seed + i);
    r = model_run (&c);
    steps += r->steps;
    full += r->full_steps;
    refused += r->refused;
    if (r->failure[0] != '\0') {
      printf ("FAILED with SEED=%" PRIu64 " CASES=1: %s\nmaking it small ...\n",
              c.seed, r->failure);
      fflush (stdout);
      model_print (&c, model_minimise (&c, 120));
      CHECK_MSG (false, "seed %" PRIu64, c.seed);
    }
    test_count (r->steps + r->compared);
  }
  printf ("%" PRIu64 " operations in %" PRIu64 " pools, %" PRIu64
          " of them on a full pool (%" PRIu64 " %%), %" PRIu64 " refused\n",
          steps, n, full, steps ? full * 100 / steps : 0, refused);
  CHECK (n < 48 || full * 100 > steps * 30);
}
