/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The crash enumeration of the pool has teeth: the same run over a device
 * that forgets the pool's flushes must fail, by a comparison or the check.
 */

#include <config.h>

#include "crash-run.h"
#include "test.h"

TEST_MAIN
{
  struct crash_run run = {
    .e = &crash_pool_engine, .most = 200, .after = 100, .share = CRASH_SHARE,
    .only_state = UINT64_MAX, .drop_flush = true,
  };
  struct crash_limits limits = { .seconds = 60 };
  struct crash_tally tally;

  run.seed = test_seed ();
  CHECK_EQ_INT (crash_run_many (&run, &limits, &tally), CRASH_EXIT_FAILED);
  CHECK (tally.histories < 100);
}
