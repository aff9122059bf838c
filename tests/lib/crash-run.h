/* SPDX-License-Identifier: BSD-3-Clause
 *
 * crash-run: many histories in several processes, and the tally.
 *
 * Used by the tests and by the program tests/pool-crash, which takes
 *
 *   --seed N          default: environment SEED, else by chance
 *   --history H       only this one; --state S: only this state of it
 *   --exhaustive L    all sequences of L operations instead of random ones
 *   --histories N     at most so many
 *   --states N        stop when so many states have been counted
 *   --cell N          ... and each cell of the table holds so many
 *   --seconds N       stop then
 *   --workers N       processes; default: number of processors
 *   --after N         operations behind a state that goes on (100)
 *   --share N         one state in N goes on (32)
 *   --table FILE      the table as lines: kind, phase, states
 *   --verbose         everything, for one history
 *   --keep-going      tell all failures, not the first only
 *   --drop-flush      no flush of the pool reaches the disk: must fail
 *
 * A worker that dies, hangs or deadlocks is reported with the command that
 * repeats it, as a failed comparison is.
 */

#ifndef NBDVOL_CRASH_RUN_H
#define NBDVOL_CRASH_RUN_H

#include "crash-history.h"

/* Exit codes of crash_main; also SIM_EXIT_*. */
enum {
  CRASH_EXIT_FAILED = 1,        /* a comparison or the check */
  CRASH_EXIT_USAGE = 2,
  CRASH_EXIT_DIED = 3,          /* a worker died by a signal */
  CRASH_EXIT_HANGS = 4,
  CRASH_EXIT_FEW = 5,           /* too few states, or a cell too empty */
};

#define CRASH_SHARE 32

struct crash_limits {
  uint64_t histories, states, cell, seconds;    /* 0 = no limit */
  uint64_t first;               /* number of the first history */
  unsigned workers;
  bool keep_going;
};

struct crash_tally {
  uint64_t histories, threaded; /* of which with several threads */
  uint64_t states;              /* counted: images that were judged */
  uint64_t repeated;            /* ... seen before, not counted */
  uint64_t tried;               /* crash points and survivors that gave them */
  uint64_t sampled;             /* crash points of sequences of which not all
                                 * subsets were tried */
  uint64_t steps, refused, points, switches;
  uint64_t cell[CRASH_SUBJECTS][CRASH_PHASES];
};

/* 0, or one of the codes above after saying what happened.  Tallies of
 * several calls add up; images are compared over all of them.
 */
extern int crash_run_many (const struct crash_run *run,
                           const struct crash_limits *limits,
                           struct crash_tally *tally);
extern void crash_tally_print (const struct crash_engine *e,
                               const struct crash_tally *tally);
/* The smallest cell of the engine's kinds. */
extern uint64_t crash_tally_least (const struct crash_engine *e,
                                   const struct crash_tally *tally);

/* PROGRAM is named in the command that repeats a failure. */
extern int crash_main (int argc, char **argv, const struct crash_engine *e,
                       const char *program);

#endif /* NBDVOL_CRASH_RUN_H */
