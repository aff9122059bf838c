/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The histories of real threads are linearizable too: the load and the judge
 * of test-pool-concurrent-histories-are-linear, with the machine as scheduler.
 * Made for TSan: the device orders nothing, and the stamps neither.
 *
 * Environment SEEDS, REQUESTS of each thread.
 */

#include <config.h>

#include "base.h"
#include "linear-load.h"
#include "test.h"

TEST_MAIN
{
  const uint64_t seed = test_seed ();
  /* Instrumented it takes twenty times as long. */
  const bool slow = BASE_SANITIZED || test_env ("NBDVOL_TEST_VALGRIND", 0);
  const uint64_t n = test_env ("SEEDS", slow ? 6 : 24);
  const uint64_t requests = test_env ("REQUESTS", 1000);
  struct load_result r = { .requests = 0 };
  struct load l;
  uint64_t i;

  for (i = 0; i < n; i++) {
    load_draw (&l, seed + i);
    l.requests = (unsigned) requests;
    l.rounds = (unsigned) (requests / 25);
    l.background = i % 2 == 0;
    load_run (&l, &r);
  }
  printf ("%" PRIu64 " requests, %" PRIu64 " refused, %" PRIu64 " judged, %"
          PRIu64 " cuts\n", r.requests, r.refused, r.judged, r.cuts);
  CHECK (r.judged > r.requests && r.cuts > n);
}
