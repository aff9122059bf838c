/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sim: threads that run one at a time, in an order chosen by a seed.
 *
 * A test program that links tests/lib/thread-sim.c instead of
 * common/base/thread.c gets the thread part of base.h with another meaning.
 * Between sim_start and sim_stop exactly one thread runs; at every lock,
 * unlock, wait, signal and yield, and wherever the program calls sim_point
 * (its devices do so at every call), the seeded scheduler may let another
 * one run.  The same seed gives the same order.  When nobody can run any
 * more the simulation says who waits for what, and where, and ends the
 * program.
 *
 * Outside of a simulation there is one thread and nobody to wait for: locks
 * are flags, a lock that is held already or a wait that nobody can end is
 * reported as a deadlock, and timed waits time out at once.
 *
 * Time is simulated too: the clock moves a little at each look and jumps to
 * the next timeout when nothing else can run.
 *
 * Why real threads and not fibers: thread-local variables (the error text,
 * the thread number) must be what they are in production.
 */

#ifndef NBDVOL_SIM_H
#define NBDVOL_SIM_H

#include <stdbool.h>
#include <stdint.h>

/* Exit codes of a program that the simulation ends. */
#define SIM_EXIT_DEADLOCK 70
#define SIM_EXIT_MISUSE 71

#define SIM_MAX_THREADS 64

enum sim_policy {
  SIM_RANDOM,                   /* any thread that can run */
  SIM_PRIORITY,                 /* the one of highest random priority, which
                                 * drops at a few random points: finds what
                                 * needs one thread to be left far behind */
};

struct sim_options {
  uint64_t seed;
  enum sim_policy policy;
  unsigned stay;                /* of 256 points this many go on with the
                                 * same thread (SIM_RANDOM) or leave the
                                 * priorities alone (SIM_PRIORITY) */
  bool spurious;                /* conditions sometimes wake for nothing, and
                                 * timed waits sometimes end early */
};

struct sim_result {
  uint64_t points;              /* where a switch was possible */
  uint64_t switches;
  unsigned threads;
};

/* The calling thread becomes the first of the simulation. */
extern void sim_start (const struct sim_options *options);
/* All other threads must have ended.  RESULT may be NULL. */
extern void sim_stop (struct sim_result *result);
extern bool sim_active (void);

/* Another thread may run now.  Nothing outside of a simulation. */
extern void sim_point (void);

/* Between hold (true) and hold (false) points let nobody else run; for short
 * stretches in which the calling thread does not wait.  Not nested.
 */
extern void sim_hold (bool hold);

/* Called before the program ends by a deadlock or by misuse, to say how to
 * repeat it.  NULL = none.
 */
extern void sim_set_epitaph (void (*fn) (void));

/* The clock of base_monotonic_ns, for tests that count simulated time. */
extern uint64_t sim_now (void);
extern void sim_set_now (uint64_t ns);

#endif /* NBDVOL_SIM_H */
