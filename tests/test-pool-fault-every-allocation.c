/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Whatever allocation fails: random scenarios on small pools are run with
 * the first, the second, ... allocation of memory failing, once or from
 * there on, until none is left to fail.  A request that gets ENOMEM has
 * changed nothing, and the pool goes on.
 *
 * Environment SCENARIOS: how many.
 */

#include <config.h>

#include "alloc-faulty.h"
#include "crash-fault.h"
#include "test.h"

struct fault { uint64_t nth; bool sticky; };

static uint64_t failures;

static void
plant (void *opaque, struct crash_world *w)
{
  const struct fault *f = opaque;

  (void) w;
  alloc_faulty_set (f->nth, f->sticky);
}

static void
clear (void *opaque, struct crash_world *w)
{
  (void) opaque;
  (void) w;
  failures = alloc_faulty_failures ();
  alloc_faulty_set (0, false);
}

TEST_MAIN
{
  const uint64_t seed = test_seed (), n = test_env ("SCENARIOS", 9);
  uint64_t i, faults = 0;
  char failure[1024];
  unsigned k;

  for (i = 0; i < n; i++)
    for (k = 0; k < 2; k++) {
      struct fault f = { .nth = 1, .sticky = k == 1 };
      struct fault_case c = {
        .e = &crash_pool_engine, .seed = seed + i, .steps = 25,
        .plant = plant, .clear = clear, .opaque = &f,
      };

      for (;; f.nth += k == 0 ? 1 : 3) {
        CHECK_MSG (fault_run (&c, failure, sizeof failure),
                   "SEED=%" PRIu64 " SCENARIOS=1, allocation %" PRIu64 "%s: %s",
                   c.seed, f.nth, f.sticky ? " and all later ones" : "",
                   failure);
        if (failures == 0)
          break;
        faults++;
      }
    }
  printf ("%" PRIu64 " faults planted in %" PRIu64 " scenarios\n", faults, n);
  CHECK (faults > 100 * n);
}
