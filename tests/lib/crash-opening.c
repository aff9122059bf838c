/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Histories whose subject is an opening: the upgrade of a pool that a release
 * without a journal left behind, closed or cut off, and `check --repair` of a
 * pool that was cut off and then damaged in a way that repair restores whole.
 *
 * The pool of a history that has happened becomes the disk of another one, of
 * which the opening is the first thing and recorded.  The oracle knows which
 * states that disk may show: the one it was closed with, or those that the
 * crash may have left.
 */

#include <config.h>

#include <stdlib.h>

#include "crash-history.h"
#include "crash-states.h"

/* A copy that borrows nothing. */
static struct image *
flat (const struct image *i)
{
  struct image *copy = image_new (i->size);
  size_t n;

  for (n = 0; n < i->npages; n++)
    if (i->page[n])
      image_write (copy, i->page[n]->bytes,
                   BASE_MIN (IMAGE_PAGE, i->size - n * IMAGE_PAGE),
                   (uint64_t) n * IMAGE_PAGE);
  return copy;
}

static struct image *
aged (struct crash_past *past, struct base_rng *rng)
{
  struct crash_world *w = &past->w;
  bool closed = base_rng_below (rng, 2);
  int r;

  crash_actor_close (&past->a, 0);
  if (!crash_world_close (w))
    return NULL;
  r = w->e->age (w->disk, closed);
  if (r < 0) {
    crash_fail (w, "a pool of the first form: %s", base_error_text ());
    return NULL;
  }
  return flat (past->image);
}

/* As a crash at POINT left it, and damaged. */
static struct image *
damaged (struct crash_past *past, uint64_t point, struct base_rng *rng)
{
  struct recorder_log log = recorder_log (past->w.log);
  struct crash_choice c = { 0 };
  struct crash_states cs;
  struct image *state, *copy;
  struct vdev *d;

  crash_states_init (&cs, &log, past->blank);
  crash_states_pending (&cs, point, &c);
  crash_choose (&cs, &c, rng);
  state = crash_states_build (&cs, &c);
  copy = flat (state);
  image_free (state);
  crash_choice_reset (&c);
  crash_states_fini (&cs);
  d = image_vdev (copy);
  past->w.e->damage (d, rng);
  vdev_unref (d);
  return copy;
}

bool
crash_past_reborn (struct crash_run *run, struct crash_past *past,
                   enum crash_kind kind, struct base_rng *rng)
{
  struct crash_past old = *past;
  struct crash_world *w = &past->w;
  struct crash_op flush = { .kind = CRASH_FLUSH, .pool_wide = true };
  uint64_t point;
  size_t first, end;
  bool ok;

  if (kind == CRASH_UPGRADE)
    past->blank = aged (past, rng);
  point = crash_world_position (w);
  if (kind == CRASH_REPAIR) {
    point -= base_rng_below (rng, point < 40 ? point : 40);
    past->blank = damaged (past, point, rng);
  }
  if (past->blank == NULL) {
    past->blank = old.blank;
    return false;
  }
  if (kind == CRASH_UPGRADE)    /* closed: all that there is now */
    oracle_add_cut (&w->timeline, point, w->changes,
                    oracle_state_ref (w->live));
  oracle_candidates (&w->timeline, point, &first, &end);
  if (kind == CRASH_UPGRADE)
    first = end - 1;
  /* The old world is where it was, for its actor is; so it is moved away. */
  crash_actor_fini (&past->a);
  old.w = *w;
  past->image = image_overlay (past->blank);
  crash_world_init (w, run->e, past->image, true);
  w->block = old.w.block;
  w->cache_size = old.w.cache_size;
  w->grow_limit = old.w.grow_limit;
  w->verbose = old.w.verbose;
  w->drop_flush = old.w.drop_flush;
  w->journal = old.w.journal;
  w->repair_first = kind == CRASH_REPAIR;
  crash_actor_init (&past->a, w, 0);
  ok = crash_world_open (w, &old.w.timeline, first, end);
  crash_world_span (w, kind);
  past->subject = 0;
  crash_world_fini (&old.w);
  image_free (old.image);
  image_free (old.blank);
  return ok && crash_writes (&past->a, 1 + base_rng_below (rng, 3), rng) &&
    crash_do (&past->a, &flush) &&
    crash_writes (&past->a, 1 + base_rng_below (rng, 2), rng);
}
