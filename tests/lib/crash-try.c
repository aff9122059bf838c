/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Chosen crashes; crash-try.h is the manual.
 */

#include <config.h>

#include <inttypes.h>

#include "crash-try.h"
#include "test.h"

void
bench_init (struct bench *b, const struct crash_engine *e, uint64_t blocks,
            uint64_t volume)
{
  struct pool_format_options o = { .block_size = 0 };

  memset (b, 0, sizeof *b);
  crash_determine (1);
  b->blank = image_new (blocks * ORACLE_PAGE);
  b->image = image_new (blocks * ORACLE_PAGE);
  crash_world_init (&b->w, e, b->image, true);
  b->w.cache_size = 1 << 20;
  crash_actor_init (&b->a, &b->w, 0);
  CHECK_MSG (crash_world_format (&b->w, &o), "%s", b->w.failure);
  BENCH_DO (b, .kind = CRASH_CREATE, .len = volume * ORACLE_PAGE);
}

void
bench_fini (struct bench *b)
{
  CHECK_MSG (crash_world_compare (&b->w) && crash_world_check (&b->w, true),
             "%s", b->w.failure);
  crash_actor_fini (&b->a);
  crash_world_fini (&b->w);
  image_free (b->image);
  image_free (b->blank);
}

void
bench_do (struct bench *b, struct crash_op op)
{
  char text[200];

  crash_op_text (&op, text, sizeof text);
  CHECK_MSG (crash_do (&b->a, &op), "%s: %s", text, b->w.failure);
}

static struct image *
cut (struct bench *b, uint64_t point, uint64_t subset, size_t *pending)
{
  struct recorder_log log = recorder_log (b->w.log);
  struct crash_states cs;
  struct crash_choice c = { 0 };
  struct image *state, *flat;
  size_t i;

  crash_states_init (&cs, &log, b->blank);
  *pending = crash_states_pending (&cs, point, &c);
  crash_choose_subset (&c, subset);
  state = crash_states_build (&cs, &c);
  /* By itself: what it borrows from goes away with CS. */
  flat = image_new (state->size);
  for (i = 0; i < state->npages; i++)
    if (state->page[i])
      image_write (flat, state->page[i]->bytes, IMAGE_PAGE,
                   (uint64_t) i * IMAGE_PAGE);
  image_free (state);
  crash_choice_reset (&c);
  crash_states_fini (&cs);
  return flat;
}

struct image *
bench_cut (struct bench *b, uint64_t point, uint64_t subset)
{
  size_t pending;

  return cut (b, point, subset, &pending);
}

static size_t
crash (struct bench *b, uint64_t point, uint64_t subset)
{
  struct crash_world w;
  struct image *state;
  size_t first, end, pending;

  state = cut (b, point, subset, &pending);
  oracle_candidates (&b->w.timeline, point, &first, &end);
  crash_world_init (&w, b->w.e, state, true);
  w.cache_size = b->w.cache_size;
  CHECK_MSG (crash_world_open (&w, &b->w.timeline, first, end) &&
             crash_world_check (&w, true),
             "crash behind %" PRIu64 " of %" PRIu64 ", survivors 0x%" PRIx64
             " of %zu: %s", point, crash_world_position (&b->w), subset,
             pending, w.failure);
  crash_world_fini (&w);
  image_free (state);
  return pending;
}

void
bench_crash (struct bench *b, uint64_t point, uint64_t subset)
{
  crash (b, point, subset);
}

void
bench_crash_all (struct bench *b, uint64_t from, uint64_t to)
{
  uint64_t point;
  size_t pending, i;

  for (point = from; point <= to; point++) {
    pending = crash (b, point, 0);
    if (pending == 0)
      continue;
    crash (b, point, UINT64_MAX);
    for (i = 0; i < BASE_MIN (pending, 63); i++) {
      crash (b, point, UINT64_C (1) << i);
      crash (b, point, ~(UINT64_C (1) << i));
    }
  }
}

void
bench_open (struct bench *b, const struct image *image, int want)
{
  struct pool_options o = { .name = "pool" };
  struct image *copy = image_overlay (image);
  struct oracle_timeline now = { 0 };
  struct crash_world w;
  struct pool *p;
  int r;

  crash_world_init (&w, b->w.e, copy, true);
  if (want != 0) {
    r = w.e->open (vdev_ref (w.disk), &o, &p);
    CHECK_EQ_INT (r, want);
    vdev_unref (w.disk);
    printf ("refused as it must be: %s\n", base_error_text ());
  }
  else {
    oracle_add_cut (&now, 0, 1, oracle_state_ref (b->w.live));
    CHECK_MSG (crash_world_open (&w, &now, 0, 1) &&
               crash_world_check (&w, true), "%s", w.failure);
    oracle_timeline_reset (&now);
  }
  crash_world_fini (&w);
  image_free (copy);
}
