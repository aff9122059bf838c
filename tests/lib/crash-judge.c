/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The verdict on one crash state; crash-history.h says what it must be.
 *
 * A pool is opened on an overlay of the state, so that the state is there for
 * the next one, and with a log, so that it can crash again.
 */

#include <config.h>

#include <inttypes.h>
#include <stdlib.h>

#include "crash-history.h"
#include "crash-states.h"

#define A_FEW 8                 /* operations */

static bool
failed (struct crash_run *run, const struct crash_world *w, const char *when)
{
  snprintf (run->failure, sizeof run->failure, "%s: %s", when, w->failure);
  return false;
}

static void
trial_init (struct crash_run *run, struct crash_trial *t,
            const struct image *state, const struct crash_world *before,
            unsigned depth)
{
  /* Each run of a pool draws other numbers than the runs before it. */
  crash_determine (run->history << 20 ^ run->states << 4 ^ depth);
  t->image = image_overlay (state);
  crash_world_init (&t->w, run->e, t->image, true);
  t->w.block = before->block;
  t->w.cache_size = before->cache_size;
  t->w.grow_limit = before->grow_limit;
  t->w.drop_flush = run->drop_flush;
  t->w.repair_first = before->repair_first;
  t->w.verbose = run->verbose && run->only_state == run->states - 1;
  crash_actor_init (&t->a, &t->w, 0);
}

void
crash_trial_fini (struct crash_run *run, struct crash_trial *t)
{
  run->steps += t->w.steps;
  run->refused += t->w.refused;
  crash_actor_fini (&t->a);
  crash_world_fini (&t->w);
  image_free (t->image);
}

/* The second crash: it opens, is clean, and is as it must be. */
static bool
crash_again (struct crash_run *run, struct crash_trial *t,
             struct base_rng *rng)
{
  struct recorder_log log = recorder_log (t->w.log);
  struct crash_states cs;
  struct crash_choice c = { 0 };
  struct image *state;
  struct crash_trial again;
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
  crash_trial_fini (run, &again);
  image_free (state);
  crash_choice_reset (&c);
  crash_states_fini (&cs);
  return ok;
}

static bool
go_on (struct crash_run *run, struct crash_trial *t, unsigned n,
       struct base_rng *rng)
{
  static const struct crash_mix *const mixes[] = {
    &crash_mix_plain, &crash_mix_plain, &crash_mix_full, &crash_mix_verbs };
  const struct crash_mix *mix = mixes[base_rng_below (rng, 4)];
  struct crash_op op;
  unsigned i;

  for (i = 0; i < n; i++) {
    crash_op_random (&t->a, mix, rng, &op);
    if (!crash_do (&t->a, &op))
      return failed (run, &t->w, "going on after it");
  }
  if (!crash_world_compare (&t->w))
    return failed (run, &t->w, "having gone on after it");
  return crash_again (run, t, rng);
}

/* Without a repair it may be refused, but what opens is as it must be. */
static bool
judge_unrepaired (struct crash_run *run, const struct image *state,
                  const struct crash_world *before, size_t first, size_t end)
{
  struct crash_trial t = { 0 };
  bool ok;

  trial_init (run, &t, state, before, 3);
  t.w.repair_first = false;
  ok = crash_world_open (&t.w, &before->timeline, first, end) ||
    t.w.pool == NULL;
  if (!ok)
    failed (run, &t.w, "opening without repair");
  crash_trial_fini (run, &t);
  return ok;
}

/* Of a recovery; it takes three at least, or it came to its end without
 * having brought what the journal has to the trees: a full pool.  Then what is
 * written next stands on the journal of the run before, and that is looked at
 * each time.
 */
static unsigned
flushes (struct crash_trial *t)
{
  struct recorder_log log = recorder_log (t->w.log);
  unsigned n = 0;
  size_t i;

  for (i = 0; i < log.n; i++)
    n += log.ops[i].kind == RECORDER_FLUSH;
  return n;
}

bool
crash_judge (struct crash_run *run, struct crash_trial *t,
             const struct crash_world *before, size_t first, size_t end,
             struct base_rng *rng)
{
  bool data = base_rng_below (rng, 4) == 0;
  bool bare = base_rng_below (rng, 4) == 0 && before->repair_first;
  bool far = run->share == 0 || base_rng_below (rng, run->share) == 0;
  bool few = base_rng_below (rng, 8) == 0;
  bool ok = !bare || judge_unrepaired (run, t->state, before, first, end);

  trial_init (run, t, t->state, before, 1);
  if (!ok)
    return false;
  if (!crash_world_open (&t->w, &before->timeline, first, end))
    return failed (run, &t->w, "opening");
  t->opened_at = crash_world_position (&t->w);
  if (!crash_world_check (&t->w, data))
    return failed (run, &t->w, "after opening");
  far |= flushes (t) < 3;
  if (!far && !few)
    return true;
  return go_on (run, t, far ? run->after : BASE_MIN (A_FEW, run->after), rng);
}
