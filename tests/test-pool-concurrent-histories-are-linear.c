/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Whatever threads do to one block at once can be put into an order that each
 * of them could have seen, and a snapshot, or a group of them, is one moment
 * of that order: tests/lib/linear-load.h says what is done, linear.h how it is
 * judged.  Threads are scheduled by the seed.
 *
 * Environment SEEDS.
 */

#include <config.h>

#include "linear-load.h"
#include "sim.h"
#include "test.h"

TEST_MAIN
{
  const uint64_t seed = test_seed (), n = test_env ("SEEDS", 100);
  struct load_result r = { .requests = 0 };
  struct load l;
  uint64_t i;

  for (i = 0; i < n; i++) {
    const struct sim_options so = {
      .seed = seed + i, .policy = (seed + i) % 2 ? SIM_RANDOM : SIM_PRIORITY,
      .stay = (seed + i) % 4 < 2 ? 60 : 200 };

    load_draw (&l, seed + i);
    l.simulated = true;
    sim_start (&so);
    load_run (&l, &r);
    sim_stop (NULL);
  }
  printf ("%" PRIu64 " requests, %" PRIu64 " refused, %" PRIu64 " judged, %"
          PRIu64 " cuts\n", r.requests, r.refused, r.judged, r.cuts);
  CHECK (r.judged > r.requests && r.cuts > n);
}
