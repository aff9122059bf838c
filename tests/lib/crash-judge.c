/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The verdict on crash states; crash-history.h says what it must be.
 *
 * States are made in rounds: each window and phase gives a share, points in
 * ascending order, and each state that passes also gives crashes in its own
 * recovery.  A state is new in its history if (point, survivors) and the
 * hash of the image are; whether the image is new in the whole run is for
 * the caller to count and changes nothing here, so that one state can be
 * repeated alone.
 */

#include <config.h>

#include <inttypes.h>
#include <stdlib.h>

#include "crash-history.h"
#include "crash-states.h"

#define MOST_KEYS 8192          /* power of two; tries of one history */

struct judge {
  struct crash_run *run;
  struct crash_past *past;
  uint64_t keys[MOST_KEYS];     /* hashes of states and images seen */
};

static bool
seen (struct judge *j, uint64_t key)
{
  size_t i;

  key |= 1;
  for (i = key >> 20 & (MOST_KEYS - 1); j->keys[i] != 0;
       i = (i + 1) & (MOST_KEYS - 1))
    if (j->keys[i] == key)
      return true;
  j->keys[i] = key;
  return false;
}

/* ---- one state --------------------------------------------------------- */

/* A state and the pool that was opened on it. */
struct trial {
  struct image *state;          /* as the crash left it */
  struct image *image;          /* as it is now */
  struct crash_world w;
  struct crash_actor a;
  uint64_t opened_at;           /* position */
};

static bool
failed (struct crash_run *run, const struct crash_world *w, const char *when)
{
  snprintf (run->failure, sizeof run->failure, "%s: %s", when, w->failure);
  return false;
}

static void
trial_init (struct crash_run *run, struct trial *t, const struct image *state,
            const struct crash_world *before, unsigned depth)
{
  /* Each run of a pool draws other numbers than the runs before it. */
  crash_determine (run->history << 20 ^ run->states << 4 ^ depth);
  t->image = image_overlay (state);
  crash_world_init (&t->w, run->e, t->image, true);
  t->w.block = before->block;
  t->w.cache_size = before->cache_size;
  t->w.grow_limit = before->grow_limit;
  t->w.drop_flush = run->drop_flush;
  t->w.verbose = run->verbose && run->only_state == run->states - 1;
  crash_actor_init (&t->a, &t->w, 0);
}

static void
trial_fini (struct crash_run *run, struct trial *t)
{
  run->steps += t->w.steps;
  run->refused += t->w.refused;
  crash_actor_fini (&t->a);
  crash_world_fini (&t->w);
  image_free (t->image);
}

/* The second crash: it opens, is clean, and is as it must be. */
static bool
crash_again (struct crash_run *run, struct trial *t, struct base_rng *rng)
{
  struct recorder_log log = recorder_log (t->w.log);
  struct crash_states cs;
  struct crash_choice c = { 0 };
  struct image *state;
  struct trial again;
  size_t first, end;
  uint64_t point;
  bool ok;

  point = 1 + base_rng_below (rng, log.now);
  if (base_rng_below (rng, 3) > 0)
    point = log.now - (log.now - point) / 4;
  crash_states_init (&cs, &log, t->state);
  crash_states_pending (&cs, point, &c);
  crash_choose (&cs, &c, rng);
  state = crash_states_build (&cs, &c);
  oracle_candidates (&t->w.timeline, point, &first, &end);
  trial_init (run, &again, state, &t->w, 2);
  ok = crash_world_open (&again.w, &t->w.timeline, first, end) &&
    crash_world_check (&again.w, false);
  if (!ok) {
    failed (run, &again.w, "after the second crash");
    printf ("  the second crash:\n");
    crash_choice_print (&cs, &c, stdout);
  }
  trial_fini (run, &again);
  image_free (state);
  crash_choice_reset (&c);
  crash_states_fini (&cs);
  return ok;
}

static bool
go_on (struct crash_run *run, struct trial *t, struct base_rng *rng)
{
  static const struct crash_mix *const mixes[] = {
    &crash_mix_plain, &crash_mix_plain, &crash_mix_full, &crash_mix_verbs };
  const struct crash_mix *mix = mixes[base_rng_below (rng, 4)];
  struct crash_op op;
  unsigned i;

  for (i = 0; i < run->after; i++) {
    crash_op_random (&t->a, mix, rng, &op);
    if (!crash_do (&t->a, &op))
      return false;
  }
  return crash_world_compare (&t->w);
}

/* Judge T->state, which is one of the cuts [first, end) of TIMELINE. */
static bool
judge_state (struct crash_run *run, struct trial *t,
             const struct crash_world *before, size_t first, size_t end,
             struct base_rng *rng)
{
  bool data = base_rng_below (rng, 4) == 0;

  trial_init (run, t, t->state, before, 1);
  if (!crash_world_open (&t->w, &before->timeline, first, end))
    return failed (run, &t->w, "opening");
  t->opened_at = crash_world_position (&t->w);
  if (!crash_world_check (&t->w, data))
    return failed (run, &t->w, "after opening");
  if (!go_on (run, t, rng))
    return failed (run, &t->w, "going on after it");
  return crash_again (run, t, rng);
}

/* ---- all states of a past ---------------------------------------------- */

/* A source of states: a log, its base, and what the oracle says. */
struct source {
  struct judge *j;
  struct crash_states cs;
  const struct crash_world *w;
  uint64_t salt;
  unsigned depth;
};

static bool judge_recovery (struct judge *j, struct trial *t,
                            enum crash_kind kind, uint64_t salt);

static void
describe (struct source *s, const struct crash_choice *c,
          enum crash_kind kind, enum crash_phase phase)
{
  printf ("  state %" PRIu64 ": %s, %s\n", s->j->run->states - 1,
          crash_kind_names[kind], crash_phase_names[phase]);
  crash_choice_print (&s->cs, c, stdout);
}

/* 1 = judged, 0 = not new, -1 = failed. */
static int
try_state (struct source *s, struct crash_choice *c, enum crash_kind kind,
           enum crash_phase phase)
{
  struct judge *j = s->j;
  struct crash_run *run = j->run;
  struct trial t = { 0 };
  struct base_rng rng;
  uint64_t hash, number, key = crash_choice_hash (c) ^ s->salt;
  size_t first, end;
  bool ok = true, skip;

  if (seen (j, key))
    return 0;
  t.state = crash_states_build (&s->cs, c);
  hash = image_hash (t.state);
  if (seen (j, hash)) {
    image_free (t.state);
    return 0;
  }
  number = run->states++;
  skip = run->only_state != UINT64_MAX && run->only_state != number &&
    !(phase != PHASE_RECOVERY && run->only_state > number);
  if (!skip) {
    if (run->verbose && run->only_state == number)
      describe (s, c, kind, phase);
    base_rng_seed (&rng, key);
    oracle_candidates (&s->w->timeline, c->point, &first, &end);
    ok = judge_state (run, &t, s->w, first, end, &rng);
    if (!ok && !(run->verbose && run->only_state == number))
      describe (s, c, kind, phase);
    if (ok && run->count)
      run->count (run->opaque, kind, phase, hash);
    if (ok && s->depth == 0)
      ok = judge_recovery (j, &t, kind, key);
    trial_fini (run, &t);
  }
  image_free (t.state);
  return ok ? 1 : -1;
}

static int
by_value (const void *a, const void *b)
{
  const uint64_t *x = a, *y = b;

  return *x < *y ? -1 : *x > *y;
}

/* At most N states with points in [FROM, END).  Eight times as many are
 * tried, for many are not new; early points do not use up the share of late
 * ones.
 */
static bool
some_states (struct source *s, enum crash_kind kind, enum crash_phase phase,
             uint64_t from, uint64_t end, unsigned n, struct base_rng *rng)
{
  struct crash_choice c = { 0 };
  uint64_t points[128];
  unsigned i, done = 0, tries = BASE_MIN (n * 8, BASE_ARRAY_SIZE (points));
  int r = 0;

  if (from >= end || n == 0)
    return true;
  for (i = 0; i < tries; i++)
    points[i] = from + base_rng_below (rng, end - from);
  qsort (points, tries, sizeof points[0], by_value);
  for (i = 0; i < tries && done < n && r >= 0 &&
         s->j->run->states < s->j->run->most; i++) {
    size_t pending;

    if (n > 3 && done * tries > 2 * n * i)
      continue;
    pending = crash_states_pending (&s->cs, points[i], &c);
    if (pending <= 3 && base_rng_below (rng, 2))
      crash_choose_subset (&c, base_rng_below (rng, 1 << pending));
    else
      crash_choose (&s->cs, &c, rng);
    r = try_state (s, &c, kind, phase);
    done += r > 0;
  }
  crash_choice_reset (&c);
  return r >= 0;
}

static bool
judge_recovery (struct judge *j, struct trial *t, enum crash_kind kind,
                uint64_t salt)
{
  struct recorder_log log = recorder_log (t->w.log);
  struct source s = { .j = j, .w = &t->w, .salt = salt, .depth = 1 };
  struct base_rng rng;
  bool ok;

  base_rng_seed (&rng, salt);
  /* One in four is enough: all phases give some. */
  if (base_rng_below (&rng, 4) > 0)
    return true;
  crash_states_init (&s.cs, &log, t->state);
  ok = some_states (&s, kind, PHASE_RECOVERY, 1, t->opened_at, 1, &rng);
  crash_states_fini (&s.cs);
  return ok;
}

/* The superblock's two copies give four images in all if nothing else goes
 * on, so these phases come first and leave each other some.
 */
static bool
judge_span (struct source *s, size_t span, struct base_rng *rng)
{
  static const struct { enum crash_phase phase; unsigned alone, threads; }
  shares[] = {
    { PHASE_FLUSH_2, 2, 2 }, { PHASE_SUPER, 2, 2 }, { PHASE_FLUSH_2, 0, 5 },
    { PHASE_FLUSH_J, 6, 6 }, { PHASE_JOURNAL, 6, 6 },
    { PHASE_SUPER, 0, 5 }, { PHASE_DATA, 3, 3 }, { PHASE_AFTER, 3, 3 },
    { PHASE_FLUSH_1, 4, 4 }, { PHASE_NODES, 4, 4 },
  };
  struct crash_window window;
  uint64_t from, end;
  unsigned i, share;

  crash_window_of (s->w, span, &window);
  for (i = 0; i < BASE_ARRAY_SIZE (shares); i++) {
    share = s->j->run->threads ? shares[i].threads : shares[i].alone;
    from = window.from[shares[i].phase];
    end = window.from[shares[i].phase + 1];
    /* It may come to its cut without anything written: the moment of its
     * begin is a crash point all the same.
     */
    if (shares[i].phase == PHASE_DATA)
      end = BASE_MAX (end, from + 1);
    if (!some_states (s, window.kind, shares[i].phase, from, end,
                      share, rng))
      return false;
  }
  return true;
}

/* ---- the exhaustive ones ----------------------------------------------- */

#define ALL_SUBSETS 4           /* of so many pending operations */
#define SOME_CHOICES 12         /* of more */

static unsigned
choices_at (size_t pending)
{
  return pending <= ALL_SUBSETS ? (1U << pending) + 3 : SOME_CHOICES;
}

/* The phase of POINT, and where it matters that it is this one: behind the
 * issue of an operation or the completion of a flush.
 */
static enum crash_phase
phase_at (const struct crash_window *window, uint64_t point)
{
  enum crash_phase phase = PHASE_AFTER;

  while (phase > PHASE_DATA && window->from[phase] > point)
    phase--;
  return phase;
}

static bool
matters (const struct recorder_log *log, uint64_t point, uint64_t start)
{
  size_t i;

  for (i = 0; i < log->n; i++)
    if (log->ops[i].issued_at == point ||
        (log->ops[i].kind == RECORDER_FLUSH &&
         log->ops[i].completed_at == point))
      return true;
  return point == start;
}

/* All points of SPAN and all subsets of few pending operations, some of
 * many, some torn; if that is more than a history may give, by lot.
 */
static bool
judge_all (struct source *s, size_t span, struct base_rng *rng)
{
  const struct recorder_log *log = &s->cs.log;
  struct crash_choice c = { 0 };
  struct crash_window window;
  uint64_t point, total = 0, start = s->w->span[span].start;
  unsigned i, n, pass;
  int r = 0;

  crash_window_of (s->w, span, &window);
  for (pass = 0; pass < 2; pass++)
    for (point = start; point <= log->now && r >= 0; point++) {
      if (!matters (log, point, start))
        continue;
      n = choices_at (crash_states_pending (&s->cs, point, &c));
      total += pass == 0 ? n : 0;
      for (i = 0; i < n && pass == 1 && r >= 0; i++) {
        if (base_rng_below (rng, total) >= s->j->run->most * 3 / 2 ||
            s->j->run->states >= s->j->run->most)
          continue;
        crash_states_pending (&s->cs, point, &c);
        if (c.n <= ALL_SUBSETS && i < 1U << c.n)
          crash_choose_subset (&c, i);
        else
          crash_choose (&s->cs, &c, rng);
        r = try_state (s, &c, window.kind, phase_at (&window, point));
      }
    }
  crash_choice_reset (&c);
  return r >= 0;
}

bool
crash_judge_past (struct crash_run *run, struct crash_past *past)
{
  CLEANUP_FREE struct judge *j = calloc (1, sizeof *j);
  struct recorder_log log = recorder_log (past->w.log);
  struct source s = { .j = j, .w = &past->w };
  struct base_rng rng;
  bool ok;

  if (j == NULL)
    abort ();
  j->run = run;
  j->past = past;
  base_rng_seed (&rng, run->history ^ UINT64_C (0x5851f42d4c957f2d));
  crash_states_init (&s.cs, &log, past->blank);
  ok = run->exhaustive ? judge_all (&s, past->subject, &rng)
    : judge_span (&s, past->subject, &rng);
  crash_states_fini (&s.cs);
  return ok;
}
