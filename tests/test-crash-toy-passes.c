/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The crash harness finds nothing in an engine that is right: the toy, over
 * random, threaded and exhaustive histories.  If this fails the harness asks
 * for something that nobody promised.
 */

#include <config.h>

#include "crash-run.h"
#include "test.h"
#include "toy-engine.h"

TEST_MAIN
{
  struct crash_run run = {
    .e = &toy_engine, .most = 50, .after = 100, .only_state = UINT64_MAX,
  };
  struct crash_limits limits = { .states = 12000, .cell = 20 };
  struct crash_tally tally;

  run.seed = test_seed ();
  CHECK_EQ_INT (crash_run_many (&run, &limits, &tally), 0);
  CHECK (tally.threaded * 3 >= tally.histories - 6);
  run.exhaustive = 2;
  run.share = 16;
  limits = (struct crash_limits) { .histories = 1000 };
  CHECK_EQ_INT (crash_run_many (&run, &limits, &tally), 0);
  crash_tally_print (&toy_engine, &tally);
  CHECK (crash_tally_least (&toy_engine, &tally) >= 20);
  test_count (tally.states);
}
