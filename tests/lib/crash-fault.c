/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Scenarios with faults; crash-fault.h is the manual.
 */

#include <config.h>

#include "crash-fault.h"
#include "test.h"

static bool
steps (const struct fault_case *c, struct crash_actor *a,
       struct base_rng *rng, unsigned n)
{
  static const struct crash_mix *const mixes[] = {
    &crash_mix_plain, &crash_mix_full, &crash_mix_verbs };
  const struct crash_mix *mix = mixes[c->seed % 3];
  struct crash_op op;
  unsigned i;

  for (i = 0; i < n; i++) {
    crash_op_random (a, mix, rng, &op);
    if (!crash_do (a, &op))
      return false;
  }
  return true;
}

static bool
scenario (const struct fault_case *c, struct crash_world *w,
          struct crash_actor *a)
{
  static const uint16_t sizes[] = { 40, 64, 128 };
  struct pool_format_options o = { .block_size = 0 };
  struct crash_op flush = { .kind = CRASH_FLUSH, .pool_wide = true };
  struct base_rng rng;
  bool poisoned;
  int r;

  base_rng_seed (&rng, c->seed);
  image_resize (w->image, sizes[c->seed % 3] * (uint64_t) ORACLE_PAGE);
  vdev_set_size (w->disk, w->image->size);
  vdev_set_size (w->log, w->image->size);
  w->grow_limit = 2 * w->image->size;
  if (!crash_world_format (w, &o) || !steps (c, a, &rng, 12))
    return false;

  c->plant (c->opaque, w);
  w->with_faults = true;
  r = steps (c, a, &rng, c->steps) ? 0 : -1;
  c->clear (c->opaque, w);
  if (r < 0)
    return false;
  /* What left a trace and was not acknowledged must never be committed as if
   * it had been: only a poisoned pool may look like that.
   */
  crash_begin (a, &flush, 0, NULL, 0, 0);
  r = w->e->flush (w->pool);
  crash_end (a);
  poisoned = r == -EIO;
  if (w->failed)
    return false;
  if (r < 0 && !poisoned)
    return crash_fail (w, "a flush after the fault: %s (%s)", strerror (-r),
                       base_error_text ());
  if (w->half_done && !poisoned)
    return crash_fail (w, "something failed and left a trace, and the pool "
                       "goes on");
  w->with_faults = false;
  if (!poisoned && (!crash_world_compare (w) || !crash_world_check (w, true)))
    return false;
  w->half_done = false;
  return crash_world_restart (w, a) && crash_world_check (w, true) &&
    steps (c, a, &rng, 10) && crash_world_compare (w);
}

bool
fault_run (const struct fault_case *c, char *failure, size_t size)
{
  struct image *image = image_new (0);
  struct crash_world w;
  struct crash_actor a;
  bool ok;

  crash_determine (c->seed);
  crash_world_init (&w, c->e, image, true);
  w.cache_size = 1 << 20;
  /* The device that faults are planted in is there from the start. */
  w.fault_device = true;
  w.verbose = test_env ("VERBOSE", 0) != 0;
  crash_actor_init (&a, &w, 0);
  ok = scenario (c, &w, &a);
  if (!ok)
    snprintf (failure, size, "%s", w.failure);
  crash_actor_fini (&a);
  crash_world_fini (&w);
  image_free (image);
  return ok;
}
