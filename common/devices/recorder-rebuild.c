/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The recorder: from a log to what may be on disk after a crash.
 *
 * Operations that were issued are put in order of the moment at which they
 * took effect and applied to the image, durable ones whole, pending ones
 * sector by sector as the choice says.
 *
 * Why a moment is enough to have every order: "completed before the other
 * was issued" is an interval order, and any linear extension of one can be
 * had by choosing an ascending point in each interval: a little more than
 * the latest issue among the operation and those before it, which is less
 * than its completion, or it would have had to come earlier.  Hence the
 * fractions of order numbers.
 */

#include <config.h>

#include <stdlib.h>

#include "devices-test.h"

uint64_t
recorder_cover (const struct recorder_log *log, uint64_t crash_at)
{
  uint64_t cover = 0;
  size_t i;

  for (i = 0; i < log->n; ++i) {
    const struct recorder_op *op = &log->ops[i];

    if (op->kind == RECORDER_FLUSH && op->error == 0 &&
        op->completed_at != 0 && op->completed_at <= crash_at)
      cover = BASE_MAX (cover, op->issued_at);
  }
  return cover;
}

enum recorder_state
recorder_state (const struct recorder_op *op, uint64_t crash_at,
                uint64_t cover)
{
  if (op->issued_at > crash_at)
    return RECORDER_FUTURE;
  if (op->completed_at != 0 && op->completed_at < cover && op->error == 0)
    return RECORDER_DURABLE;
  return RECORDER_PENDING;
}

/* An operation and when it took effect. */
struct effect {
  const struct recorder_op *op;
  uint64_t moment;
  bool durable;
};

BASE_VECTOR (effect_vector, struct effect);

static int
compare_effects (const void *va, const void *vb)
{
  const struct effect *a = va, *b = vb;

  if (a->moment != b->moment)
    return a->moment < b->moment ? -1 : 1;
  return a->op->issued_at < b->op->issued_at ? -1 : 1;
}

/* The last moment at which OP can take effect.  What failed may land after
 * its completion.
 */
static uint64_t
latest_moment (const struct recorder_op *op, uint64_t crash_at)
{
  if (op->completed_at != 0 && op->completed_at <= crash_at &&
      op->error == 0)
    return op->completed_at * RECORDER_FINE;
  return crash_at * RECORDER_FINE + (RECORDER_FINE - 1);
}

static int
collect (const struct recorder_log *log, uint64_t crash_at,
         const struct recorder_choice *choice, struct effect_vector *effects)
{
  const uint64_t cover = recorder_cover (log, crash_at);
  size_t i;
  int r;

  r = effect_vector_reserve (effects, log->n);
  if (r < 0)
    return r;
  for (i = 0; i < log->n; ++i) {
    const struct recorder_op *op = &log->ops[i];
    const enum recorder_state state = recorder_state (op, crash_at, cover);
    const uint64_t latest = latest_moment (op, crash_at);
    struct effect e = { op, latest, state == RECORDER_DURABLE };

    if (op->kind == RECORDER_FLUSH || op->kind == RECORDER_MARK ||
        state == RECORDER_FUTURE)
      continue;
    if (choice && choice->moment) {
      e.moment = choice->moment (choice->opaque, op);
      e.moment = BASE_MAX (e.moment, op->issued_at * RECORDER_FINE);
      e.moment = BASE_MIN (e.moment, latest);
    }
    effects->ptr[effects->len++] = e;
  }
  if (effects->len > 1)
    qsort (effects->ptr, effects->len, sizeof effects->ptr[0],
           compare_effects);
  return 0;
}

static bool
lands (const struct effect *e, const struct recorder_choice *choice,
       uint64_t sector)
{
  return e->durable || choice == NULL || choice->lands == NULL ||
    choice->lands (choice->opaque, e->op, sector);
}

static int
apply_resize (const struct effect *e, const struct recorder_choice *choice,
              struct recorder_image *image)
{
  const uint64_t size = e->op->len;

  if (size > image->capacity)
    return base_fail (ENOSPC, "recorder: the image has room for %llu bytes",
                      (unsigned long long) image->capacity);
  if (!lands (e, choice, 0))
    return 0;
  if (size > image->size)
    memset (image->data + image->size, 0, size - image->size);
  image->size = size;
  return 0;
}

/* Copy or zero what landed.  What lies behind the end is dropped: the resize
 * that was to make room for it did not land.
 */
static void
apply_bytes (const struct effect *e, const struct recorder_choice *choice,
             struct recorder_image *image)
{
  const struct recorder_op *op = e->op;
  const uint64_t end = BASE_MIN (op->off + op->len, image->size);
  uint64_t off, n;

  for (off = op->off; off < end; off += n) {
    n = BASE_MIN (end - off, RECORDER_SECTOR - off % RECORDER_SECTOR);
    if (e->durable)
      n = end - off;
    else if (!lands (e, choice, off / RECORDER_SECTOR))
      continue;
    if (op->kind == RECORDER_WRITE)
      memcpy (image->data + off, op->data + (off - op->off), n);
    else
      memset (image->data + off, 0, n);
  }
}

int
recorder_rebuild (const struct recorder_log *log, uint64_t crash_at,
                  const struct recorder_choice *choice,
                  struct recorder_image *image)
{
  struct effect_vector effects = { 0 };
  size_t i;
  int r;

  r = collect (log, crash_at, choice, &effects);
  for (i = 0; r == 0 && i < effects.len; ++i) {
    if (effects.ptr[i].op->kind == RECORDER_RESIZE)
      r = apply_resize (&effects.ptr[i], choice, image);
    else
      apply_bytes (&effects.ptr[i], choice, image);
  }
  effect_vector_reset (&effects);
  return r;
}

/* ---- a choice made by chance ---------------------------------------- */

static bool
chance_lands (void *opaque, const struct recorder_op *op,
              uint64_t sector BASE_UNUSED)
{
  struct recorder_chance *c = opaque;

  if (op != c->op) {
    c->op = op;
    c->whole = base_rng_below (&c->rng, 4) != 0;
    c->land = base_rng_below (&c->rng, 100) < c->land_percent;
  }
  return c->whole ? c->land
    : base_rng_below (&c->rng, 100) < c->land_percent;
}

static uint64_t
chance_moment (void *opaque, const struct recorder_op *op)
{
  struct recorder_chance *c = opaque;
  const uint64_t span = op->completed_at > op->issued_at
    ? op->completed_at - op->issued_at : 64;

  return op->issued_at * RECORDER_FINE +
    base_rng_below (&c->rng, span * RECORDER_FINE + 1);
}

struct recorder_choice
recorder_choice_by_chance (struct recorder_chance *state, uint64_t seed,
                           unsigned land_percent)
{
  struct recorder_choice choice = {
    .lands = chance_lands, .moment = chance_moment, .opaque = state,
  };

  base_rng_seed (&state->rng, seed);
  state->land_percent = land_percent;
  state->op = NULL;
  state->whole = state->land = false;
  return choice;
}
