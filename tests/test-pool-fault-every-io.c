/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Whatever call of the disk fails, and however: random scenarios on small
 * pools are run with the first, the second, ... call of a kind failing,
 * until none is left to fail.  Errors once and for ever, a full host, writes
 * torn after one sector, a bit flipped in what is read.
 *
 * Environment SCENARIOS: how many.
 */

#include <config.h>

#include "crash-fault.h"
#include "test.h"

static uint64_t applied;

static void
plant (void *opaque, struct crash_world *w)
{
  CHECK (faulty_add (w->fault, opaque) == 0);
  applied = faulty_applied (w->fault);
}

static void
clear (void *opaque, struct crash_world *w)
{
  (void) opaque;
  applied = faulty_applied (w->fault) - applied;
  faulty_clear (w->fault);
}

static const struct faulty_rule kinds[] = {
  { .op = FAULTY_ANY, .action = FAULTY_FAIL, .error = EIO },
  { .op = FAULTY_ANY, .action = FAULTY_FAIL, .error = EIO, .sticky = true },
  { .op = FAULTY_WRITE, .action = FAULTY_FAIL, .error = ENOSPC },
  { .op = FAULTY_WRITE, .action = FAULTY_FAIL, .error = ENOSPC,
    .sticky = true },
  { .op = FAULTY_ZERO, .action = FAULTY_FAIL, .error = ENOSPC,
    .sticky = true },
  { .op = FAULTY_FLUSH, .action = FAULTY_FAIL, .error = EIO },
  { .op = FAULTY_FLUSH, .action = FAULTY_FAIL, .error = ENOSPC,
    .sticky = true },
  { .op = FAULTY_WRITE, .action = FAULTY_TORN, .error = EIO, .sectors = 1 },
  { .op = FAULTY_TRIM, .action = FAULTY_FAIL, .error = EIO, .sticky = true },
  { .op = FAULTY_RESIZE, .action = FAULTY_FAIL, .error = ENOSPC },
  { .op = FAULTY_READ, .action = FAULTY_FAIL, .error = EIO },
  { .op = FAULTY_READ, .action = FAULTY_FLIP, .bit = 12345 },
};

TEST_MAIN
{
  const uint64_t seed = test_seed (), n = test_env ("SCENARIOS", 12);
  uint64_t i, nth, runs = 0, faults = 0;
  char failure[1024];
  size_t k;

  for (i = 0; i < n; i++)
    for (k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
      for (nth = 1; ; nth++) {
        struct faulty_rule rule = kinds[k];
        struct fault_case c = {
          .e = &crash_pool_engine, .seed = seed + i, .steps = 25,
          .plant = plant, .clear = clear, .opaque = &rule,
        };

        rule.nth = nth;
        CHECK_MSG (fault_run (&c, failure, sizeof failure),
                   "SEED=%" PRIu64 " SCENARIOS=1, kind %zu, call %" PRIu64
                   ": %s", c.seed, k, nth, failure);
        runs++;
        if (applied == 0)
          break;
        faults++;
      }
  printf ("%" PRIu64 " faults planted in %" PRIu64 " scenarios\n", faults, n);
  CHECK (faults > 20 * n);
}
