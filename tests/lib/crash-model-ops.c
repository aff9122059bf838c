/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Operations that only the model tests do: what is a hole, a scrub, and a
 * crash at the boundary of a flush.  The crash tests have their own crashes,
 * and no row for what changes nothing; so these kinds come after all of
 * theirs, and are told apart before crash_do.
 */

#include <config.h>

#include <inttypes.h>

#include "crash-model.h"

static const char *const names[] = { "extents", "scrub", "crash" };

void
model_op_text (const struct crash_op *op, char *text, size_t size)
{
  struct crash_op plain = *op;
  char rest[200];

  if (op->kind < CRASH_KINDS) {
    crash_op_text (op, text, size);
    return;
  }
  plain.kind = CRASH_READ;
  crash_op_text (&plain, rest, sizeof rest);
  snprintf (text, size, "%s%s", names[op->kind - MODEL_EXTENTS],
            strchr (rest, ' '));
}

/* ---- making -------------------------------------------------------------- */

/* One step in how many, on average.  What reads the whole pool comes less
 * often in a large one.
 */
#define EVERY_EXTENTS 40
#define EVERY_CRASH 400
#define EVERY_GROW 500

static bool
one_in (struct base_rng *rng, uint64_t n)
{
  return base_rng_below (rng, n) == 0;
}

void
model_op_random (struct crash_actor *a, const struct crash_mix *mix,
                 struct base_rng *rng, struct crash_op *op)
{
  const uint64_t blocks = a->w->image->size / a->w->block;
  const uint64_t rare = EVERY_CRASH * BASE_MAX (blocks / 256, 1);

  if (one_in (rng, EVERY_EXTENTS) && crash_op_make (a, CRASH_READ, rng, op))
    op->kind = MODEL_EXTENTS;
  else if (a->w->e->scrub && one_in (rng, rare))
    *op = (struct crash_op) { .kind = MODEL_SCRUB };
  else if (a->w->e->abandon && one_in (rng, rare))
    *op = (struct crash_op) { .kind = MODEL_CRASH };
  else if (!one_in (rng, EVERY_GROW)
           || !crash_op_make (a, CRASH_GROW, rng, op))
    crash_op_random (a, mix, rng, op);
}

/* ---- extents ------------------------------------------------------------- */

struct walk {
  struct crash_world *w;
  const struct oracle_volume *v;
  uint64_t next, end;           /* bytes: told so far, to be told */
};

/* Is nothing in the block that byte OFF is in? */
static bool
is_hole (const struct walk *k, uint64_t off)
{
  const size_t per = k->w->block / ORACLE_PAGE;
  size_t i, first = off / k->w->block * per;

  for (i = first; i < first + per; i++)
    if (oracle_data_page (k->v->data, i) != NULL)
      return false;
  return true;
}

static int
extent (void *opaque, uint64_t offset, uint64_t length, uint32_t type)
{
  struct walk *k = opaque;
  const bool hole = type & VDEV_HOLE;
  uint64_t off;

  if (k->w->failed)
    return 0;
  if (offset != k->next || length == 0 || length > k->end - offset
      || (type != VDEV_DATA && type != (VDEV_HOLE | VDEV_ZEROES))) {
    crash_fail (k->w, "an extent of %s: %" PRIu64 "+%" PRIu64 ", type %u, "
                "after %" PRIu64, k->v->name, offset, length, type, k->next);
    return 0;
  }
  for (off = offset; off < offset + length;
       off += k->w->block - off % k->w->block)
    if (is_hole (k, off) != hole && (hole || k->w->e->tells_holes)) {
      crash_fail (k->w, "%s: byte %" PRIu64 " is told to be %s", k->v->name,
                  off, hole ? "a hole" : "data");
      return 0;
    }
  k->next = offset + length;
  return 0;
}

static bool
do_extents (struct crash_actor *a, const struct crash_op *op)
{
  struct walk k = { .w = a->w };
  char name[ORACLE_NAME];
  struct vdev *d;
  int r;

  if (op->on_snapshot)
    crash_snapshot_name (name, op->vol, op->snap);
  else
    crash_volume_name (name, op->vol);
  k.v = oracle_find (a->w->live, name);
  if (k.v == NULL)
    return true;
  d = crash_actor_handle (a, k.v->key);
  if (d == NULL)
    return false;
  if (op->off >= vdev_size (d))
    return true;
  k.next = op->off;
  k.end = op->off + BASE_MIN (op->len, vdev_size (d) - op->off);
  r = vdev_extents (d, k.end - k.next, k.next, 0, extent, &k);
  if (r < 0)
    return crash_fail (a->w, "extents of %s: %s", name, base_error_text ());
  return k.w->failed ? false : k.next == k.end
    || crash_fail (a->w, "extents of %s end at %" PRIu64, name, k.next);
}

/* ---- scrub and crash ----------------------------------------------------- */

static bool
do_scrub (struct crash_actor *a)
{
  const struct pool_scrub_options o = { .rate = UINT64_C (1) << 50 };
  struct pool_scrub_info info;
  int r;

  r = a->w->e->scrub (a->w->pool, &o, &info);
  if (r < 0)
    return crash_fail (a->w, "scrub: %s", base_error_text ());
  return info.found == 0
    || crash_fail (a->w, "scrub: %" PRIu64 " blocks are damaged", info.found);
}

/* Flush, die, open: nothing is missing. */
static bool
do_crash (struct crash_actor *a)
{
  const struct crash_op op = { .kind = CRASH_FLUSH, .pool_wide = true };
  struct oracle_timeline now = { .ncuts = 0 };
  struct crash_world *w = a->w;
  bool ok;

  if (!crash_do (a, &op))
    return false;
  crash_actor_close (a, 0);
  w->e->abandon (w->pool);
  w->pool = NULL;
  oracle_add_cut (&now, 0, w->changes, oracle_state_ref (w->live));
  ok = crash_world_open (w, &now, 0, 1);
  oracle_timeline_reset (&now);
  return ok;
}

bool
model_do (struct crash_actor *a, const struct crash_op *op)
{
  if (a->w->failed)
    return false;
  switch (op->kind) {
  case MODEL_EXTENTS: return do_extents (a, op);
  case MODEL_SCRUB: return do_scrub (a);
  case MODEL_CRASH: return do_crash (a);
  default: return crash_do (a, op);
  }
}
