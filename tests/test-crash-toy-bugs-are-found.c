/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The crash harness finds each of the toy engine's bugs.  They are mistakes
 * as engines make them: a flush left out, a block reused too early, a lost
 * update, a waiter that is not woken.  By a comparison or a check; only the
 * waiter by the simulation, which sees that nobody can run any more.
 */

#include <config.h>

#include "crash-run.h"
#include "sim.h"
#include "test.h"
#include "toy-engine.h"

TEST_MAIN
{
  struct crash_run run = {
    .e = &toy_engine, .most = 50, .after = 100, .only_state = UINT64_MAX,
  };
  struct crash_limits limits = { .seconds = 60 };
  struct crash_tally tally;
  int r;

  run.seed = test_seed ();
  for (toy_bug = TOY_RIGHT + 1; toy_bug < TOY_BUGS; toy_bug++) {
    printf ("---- %s\n", toy_bug_names[toy_bug]);
    r = crash_run_many (&run, &limits, &tally);
    if (toy_bug == TOY_NOT_WOKEN)
      CHECK_MSG (r == SIM_EXIT_DEADLOCK, "%s: exit code %d",
                 toy_bug_names[toy_bug], r);
    else
      CHECK_MSG (r == CRASH_EXIT_FAILED, "%s: exit code %d",
                 toy_bug_names[toy_bug], r);
  }
}
