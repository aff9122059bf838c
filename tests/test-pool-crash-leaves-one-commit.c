/* SPDX-License-Identifier: BSD-3-Clause
 *
 * After a crash at any moment, with any part of what was in flight lost, the
 * pool opens, is sound, and all volumes and snapshots are as at one single
 * commit that holds everything acknowledged as durable.
 *
 * First all sequences of one and of two operations over a small alphabet, with
 * all subsets of what is pending at each crash point (tests/soak-pool-crash.sh
 * does those of three), then random histories, a third of them from four
 * threads and more, until 300,000 states have been judged and each cell of
 * operation x crash point holds 1,000 (environment STATES, CELL: other
 * numbers).  A state is counted when its image is a new one.  tests/pool-crash
 * repeats each of them by its numbers.
 */

#include <config.h>

#include <inttypes.h>

#include "crash-run.h"
#include "test.h"

TEST_MAIN
{
  struct crash_run run = {
    .e = &crash_pool_engine, .most = 200, .after = 100, .share = CRASH_SHARE,
    .only_state = UINT64_MAX,
  };
  struct crash_limits all = { .histories = UINT64_MAX };
  struct crash_limits limits = {
    .states = test_env ("STATES", 300000), .cell = test_env ("CELL", 1000),
  };
  struct crash_tally tally;
  uint64_t exhaustive;

  run.seed = test_seed ();
  for (run.exhaustive = 1; run.exhaustive <= 2; run.exhaustive++)
    CHECK_EQ_INT (crash_run_many (&run, &all, &tally), 0);
  CHECK_EQ_INT (tally.sampled, 0);
  exhaustive = tally.histories;
  printf ("%" PRIu64 " histories of up to 2 operations exhausted: %" PRIu64
          " states\n", exhaustive, tally.states);
  run.exhaustive = 0;
  CHECK_EQ_INT (crash_run_many (&run, &limits, &tally), 0);
  crash_tally_print (&crash_pool_engine, &tally);
  CHECK (tally.states >= limits.states);
  CHECK (crash_tally_least (&crash_pool_engine, &tally) >= limits.cell);
  CHECK (tally.threaded * 3 + 6 >= tally.histories - exhaustive);
  test_count (tally.states);
}
