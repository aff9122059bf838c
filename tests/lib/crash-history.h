/* SPDX-License-Identifier: BSD-3-Clause
 *
 * crash-history: histories, their crash states, and the verdict on each.
 *
 * A history is made from (seed, number) alone: a small pool, a random past,
 * then its subject, one operation of a given kind made durable, and a few
 * operations more.  One in three has its subject in the middle of four to
 * six simulated threads.  The exhaustive ones go through all sequences over
 * a small alphabet instead.
 *
 * Crash points lie between the subject's begin and a little behind the
 * commit that makes it durable, and are named by what the commit is doing;
 * the last column is a crash while the pool recovers from one of the others.
 *
 * A state passes if it opens, pool_check is clean, everything equals the
 * oracle at one commit that holds what was promised, and so it goes on: many
 * random operations and a second crash.
 */

#ifndef NBDVOL_CRASH_HISTORY_H
#define NBDVOL_CRASH_HISTORY_H

#include "crash-world.h"

enum crash_phase {
  PHASE_DATA,                   /* before the cut of its commit */
  PHASE_JOURNAL,                /* its transaction goes to the journal */
  PHASE_FLUSH_J,
  PHASE_NODES,                  /* nodes and pages are being written */
  PHASE_FLUSH_1,
  PHASE_SUPER,                  /* superblock and twin */
  PHASE_FLUSH_2,
  PHASE_AFTER,                  /* durable; something else goes on */
  PHASE_RECOVERY,               /* a crash in the recovery from one */
  CRASH_PHASES
};
extern const char *const crash_phase_names[CRASH_PHASES];

struct crash_run {
  const struct crash_engine *e;
  uint64_t seed;
  unsigned exhaustive;          /* 0 = random histories, else the length of
                                 * the sequences */
  unsigned most;                /* states of one history */
  unsigned after;               /* operations after each state */
  uint64_t only_state;          /* judge this one only; UINT64_MAX = all */
  bool verbose;
  bool drop_flush;              /* see struct crash_world; must fail */
  /* Is the image new?  Called for each state that is new in its history;
   * what it says does not change what is done.
   */
  void (*count) (void *opaque, enum crash_kind kind, enum crash_phase phase,
                 uint64_t image_hash);
  void *opaque;

  /* Of the history that runs. */
  uint64_t history;
  uint64_t states;              /* judged or passed over so far */
  bool threads;
  uint64_t steps, refused, points, switches;
  char failure[2048];
};

/* How many histories there are, UINT64_MAX = no end. */
extern uint64_t crash_histories (const struct crash_run *run);
/* False: run->failure says why. */
extern bool crash_history_run (struct crash_run *run, uint64_t history);

/* ---- between crash-history.c, crash-script.c and crash-judge.c --------- */

/* Where a subject's crash points lie: phase P is [from[P], from[P + 1]). */
struct crash_window {
  enum crash_kind kind;
  uint64_t from[PHASE_RECOVERY + 1];
};

/* A history that has happened. */
struct crash_past {
  struct image *blank;          /* before it */
  struct image *image;          /* after it */
  struct crash_world w;
  struct crash_actor a;
  size_t subject;               /* index of its span */
  bool subject_done;
};

extern bool crash_past_make (struct crash_run *run, struct crash_past *past);
extern void crash_past_free (struct crash_past *past);
extern void crash_window_of (const struct crash_world *w, size_t span,
                             struct crash_window *window);

/* The pool's shape for a history. */
struct crash_shape {
  uint64_t blocks;
  uint32_t block;
  uint64_t journal;             /* blocks; 0 = as many as by default, which in
                                 * pools as small as these is no ring */
  const struct crash_mix *mix;
};
extern void crash_shape_make (struct crash_run *run, struct base_rng *rng,
                              struct crash_shape *shape);

/* Judge the states of a past. */
extern bool crash_judge_past (struct crash_run *run, struct crash_past *past);

#endif /* NBDVOL_CRASH_HISTORY_H */
