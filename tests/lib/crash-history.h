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
 * Two kinds are no operation of an open pool but an opening: of a pool that a
 * release without a journal left behind, and of one that was cut off, damaged
 * and is repaired first.
 *
 * Crash points lie between the subject's begin and a little behind the
 * commit that makes it durable, and are named by what the commit is doing;
 * the last columns are crashes while the pool recovers from one of the others,
 * by what the recovery is doing, and while it recovers from one of those.
 *
 * A state passes if it opens, pool_check is clean and everything equals the
 * oracle at one commit that holds what was promised.  One in `share` goes on
 * from there with many random operations and a second crash, one in eight of
 * the others with a few.  An image is judged once for each set of answers that
 * are right; it is the same image to the pool however it came about.
 *
 *   crash-history.c   makes histories: one thread, several
 *   crash-opening.c   ... upgrade and repair
 *   crash-sequence.c  ... all sequences over an alphabet
 *   crash-window.c    which crash points there are, and their names
 *   crash-judge.c     the verdict on a state
 *   crash-sample.c    which states are judged
 */

#ifndef NBDVOL_CRASH_HISTORY_H
#define NBDVOL_CRASH_HISTORY_H

#include "crash-world.h"
#include "devices-test.h"

enum crash_phase {
  PHASE_DATA,                   /* before the cut of its commit */
  PHASE_JOURNAL,                /* its transaction goes to the journal */
  PHASE_FLUSH_J,
  PHASE_NODES,                  /* nodes and pages are being written */
  PHASE_FLUSH_1,
  PHASE_SLOT,                   /* the superblock, */
  PHASE_TWIN,                   /* ... and its twin */
  PHASE_FLUSH_2,
  PHASE_AFTER,                  /* durable; something else goes on */
  PHASE_RECOVERY,               /* a crash in the recovery from one: what was
                                 * opened is written again, */
  PHASE_RECOVERY_NODES,         /* ... what the journal has goes to the trees */
  PHASE_RECOVERY_SUPER,         /* ... the superblocks of this run */
  PHASE_NESTED,                 /* in the recovery from one of these */
  CRASH_PHASES
};
extern const char *const crash_phase_names[CRASH_PHASES];

struct crash_run {
  const struct crash_engine *e;
  uint64_t seed;
  unsigned exhaustive;          /* 0 = random histories, else the length of
                                 * the sequences */
  unsigned most;                /* states of one history */
  unsigned after;               /* operations behind a state that goes on */
  unsigned share;               /* one state in so many does; 0 = each */
  uint64_t only_state;          /* judge this one only; UINT64_MAX = all */
  bool verbose;
  bool drop_flush;              /* see struct crash_world; must fail */
  /* Called for each state that has passed. */
  void (*count) (void *opaque, enum crash_kind kind, enum crash_phase phase,
                 uint64_t image_hash);
  void *opaque;

  /* Of the history that runs. */
  uint64_t history;
  uint64_t states;              /* judged or passed over so far */
  uint64_t tried;               /* crash points and survivors; of which many
                                 * leave an image that was judged before */
  uint64_t sampled;             /* crash points of a sequence of which not all
                                 * subsets were tried */
  bool threads;
  uint64_t steps, refused, points, switches;
  char failure[2048];
};

/* How many histories there are, UINT64_MAX = no end. */
extern uint64_t crash_histories (const struct crash_run *run);
/* False: run->failure says why. */
extern bool crash_history_run (struct crash_run *run, uint64_t history);

/* ---- between the files ------------------------------------------------- */

/* Where a subject's crash points lie: in [from, end) of each segment. */
#define CRASH_SEGMENTS 64
struct crash_window {
  enum crash_kind kind;
  struct crash_segment {
    enum crash_phase phase;
    uint64_t from, end;
  } segment[CRASH_SEGMENTS];    /* ascending */
  size_t n;
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

extern bool crash_past_make (struct crash_run *run, struct crash_past *past);
extern void crash_past_free (struct crash_past *past);
extern bool crash_past_start (struct crash_run *run, struct crash_past *past,
                              const struct crash_shape *shape);
/* Of history number HISTORY. */
extern enum crash_kind crash_subject_kind (const struct crash_run *run,
                                           uint64_t history);
extern bool crash_writes (struct crash_actor *a, unsigned n,
                          struct base_rng *rng);
/* The pool of PAST is closed or cut off; it is opened again, as a pool to be
 * upgraded or repaired, and that is the history.
 */
extern bool crash_past_reborn (struct crash_run *run, struct crash_past *past,
                               enum crash_kind kind, struct base_rng *rng);
extern bool crash_past_sequence (struct crash_run *run,
                                 struct crash_past *past);

extern void crash_window_of (const struct crash_world *w, size_t span,
                             struct crash_window *window);
/* Of the opening that LOG begins with, up to OPENED_AT. */
extern void crash_window_of_recovery (const struct recorder_log *log,
                                      uint64_t opened_at,
                                      struct crash_window *window);
/* The phase of POINT. */
extern enum crash_phase crash_phase_at (const struct crash_window *window,
                                        uint64_t point);

/* A state and the pool that was opened on it. */
struct crash_trial {
  struct image *state;          /* as the crash left it; borrowed */
  struct image *image;          /* as it is now */
  struct crash_world w;
  struct crash_actor a;
  uint64_t opened_at;           /* position */
};
/* Judge T->state, which is one of the cuts [FIRST, END) of BEFORE's timeline.
 * False: run->failure.  crash_trial_fini in any case.
 */
extern bool crash_judge (struct crash_run *run, struct crash_trial *t,
                         const struct crash_world *before, size_t first,
                         size_t end, struct base_rng *rng);
extern void crash_trial_fini (struct crash_run *run, struct crash_trial *t);

/* Judge the states of a past. */
extern bool crash_judge_past (struct crash_run *run, struct crash_past *past);

#endif /* NBDVOL_CRASH_HISTORY_H */
