/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Performing data operations on a world and judging them.
 *
 * The oracle is changed by the engine's own hook, at the moment the engine
 * says a change takes effect (crash_published in crash-world.c); here is
 * what must be true of the answer: an acknowledged request has taken effect
 * whole, a refused one not at all, overwrites of exclusive blocks and trims
 * are never refused, a read returns bytes that the volume held while the
 * read was under way.
 */

#include <config.h>

#include <inttypes.h>
#include <stdlib.h>

#include "crash-world.h"

static void *
need (void *p)
{
  if (p == NULL) {
    fprintf (stderr, "crash-do: out of memory\n");
    abort ();
  }
  return p;
}

void
crash_promise (struct crash_world *w, uint64_t change)
{
  if (change > 0)
    oracle_add_floor (&w->timeline, crash_world_position (w), change);
}

/* Is the volume changed by nobody but A? */
static bool
alone (const struct crash_actor *a, const struct crash_op *op)
{
  return !a->w->concurrent || op->vol / 10 == a->number;
}

static struct oracle_volume *
target (struct crash_actor *a, const struct crash_op *op)
{
  char name[ORACLE_NAME];

  if (op->on_snapshot)
    crash_snapshot_name (name, op->vol, op->snap);
  else
    crash_volume_name (name, op->vol);
  return oracle_find (a->w->live, name);
}

/* Clip to what the handle sees (a sequence that is being made smaller may
 * have lost what made its volume large enough).
 */
static bool
clip (struct vdev *d, const struct crash_op *op, uint64_t *len)
{
  uint64_t size = vdev_size (d);

  if (op->off >= size)
    return false;
  *len = BASE_MIN (op->len, size - op->off);
  return *len > 0;
}

bool
crash_fault_answer (struct crash_actor *a, int r, bool trace)
{
  struct crash_world *w = a->w;

  if (!w->poisoned && !w->with_faults)
    return false;
  /* A verb whose commit failed may have left names as they were or not. */
  if (w->half_done && (r == -ENOENT || r == -EEXIST))
    return true;
  if (w->import_left && r == -EEXIST)
    return true;
  if (r != -EIO && !(w->with_faults && (r == -ENOMEM || r == -ENOSPC ||
                                        r == -EBADMSG)))
    return false;
  w->half_done |= trace;
  return true;
}

/* An answer that no request may give, whatever it is. */
static bool
answer_ok (struct crash_actor *a, const struct crash_op *op, int r)
{
  struct crash_world *w = a->w;
  char text[200];

  if (w->failed)
    return false;
  crash_op_text (op, text, sizeof text);
  if (r == 0 || (r == -ENOSPC && !w->with_faults))
    return true;
  /* A failed write may have changed a part of its range. */
  if (crash_fault_answer (a, r, false))
    return true;
  return crash_fail (w, "%s: %s (%s)", text, strerror (-r),
                     base_error_text ());
}

/* After a refusal: nothing has changed. */
static bool
refused (struct crash_actor *a, const struct crash_op *op, bool must,
         int r)
{
  struct crash_world *w = a->w;
  char text[200];

  if (r == -ENOSPC)
    w->refused++;
  if (w->with_faults || (!must && (a->published == 0 || r != -ENOSPC)))
    return true;
  crash_op_text (op, text, sizeof text);
  if (a->published > 0)
    return crash_fail (w, "%s: refused, but has changed %" PRIu64 " bytes",
                       text, a->published);
  return crash_fail (w, "%s: refused for want of space, but needs none", text);
}

static bool
short_effect (struct crash_actor *a, const struct crash_op *op)
{
  char text[200];

  crash_op_text (op, text, sizeof text);
  return crash_fail (a->w, "%s: acknowledged, but only %" PRIu64
                     " of %" PRIu64 " bytes took effect", text, a->published,
                     a->len);
}

/* The request is answered; what it changed counts as seen by the client. */
static void
answered (struct crash_actor *a, bool durable)
{
  a->w->acked = BASE_MAX (a->w->acked, a->change);
  if (durable)
    crash_promise (a->w, a->change);
}

static bool
changed_whole (struct crash_actor *a, const struct crash_op *op)
{
  struct oracle_volume *v;
  uint64_t where;
  CLEANUP_FREE uint8_t *zeroes = NULL;
  bool ok;

  if (a->published == a->len)
    return true;
  /* What is zero already need not be changed to zero. */
  if (!alone (a, op))
    return (a->buf == NULL || base_is_zero (a->buf, a->len)) ||
      short_effect (a, op);
  v = oracle_find_key (a->w->live, a->key);
  if (a->buf == NULL)
    zeroes = need (calloc (1, a->len));
  ok = oracle_same (v, a->buf ? a->buf : zeroes, a->len, a->off, &where);
  return ok || short_effect (a, op);
}

static bool
do_write (struct crash_actor *a, const struct crash_op *op)
{
  struct oracle_volume *v = target (a, op);
  CLEANUP_FREE uint8_t *buf = NULL;
  struct vdev *d;
  uint64_t len, key;
  bool must;
  int r;

  if (v == NULL)
    return true;
  key = v->key;
  d = crash_actor_handle (a, key);
  if (d == NULL)
    return !a->w->failed;
  if (!clip (d, op, &len))
    return true;
  /* A longer one is several requests, each of which may be refused. */
  if (d->info.maximum)
    len = BASE_MIN (len, d->info.maximum);
  buf = need (malloc (len));
  crash_fill (buf, len, op->off, op->stamp);
  v = oracle_find_key (a->w->live, key);
  must = !v->snapshot && alone (a, op) &&
    oracle_exclusive (v, len, op->off, a->w->block);

  crash_begin (a, op, key, buf, op->off, len);
  r = vdev_write (d, buf, len, op->off, op->flags);
  crash_end (a);
  if (op->on_snapshot)
    return r == -EROFS || crash_fail (a->w, "a write to a snapshot: %s",
                                      r == 0 ? "success" : strerror (-r));
  if (!answer_ok (a, op, r))
    return false;
  if (r < 0)
    return refused (a, op, must && r == -ENOSPC, r);
  answered (a, op->flags & VDEV_FUA);
  return changed_whole (a, op);
}

static bool
do_zero (struct crash_actor *a, const struct crash_op *op)
{
  struct oracle_volume *v = target (a, op);
  struct vdev *d;
  uint64_t len, key;
  bool must;
  int r;

  if (v == NULL)
    return true;
  key = v->key;
  d = crash_actor_handle (a, key);
  if (d == NULL)
    return !a->w->failed;
  if (!clip (d, op, &len))
    return true;
  v = oracle_find_key (a->w->live, key);
  must = !v->snapshot && alone (a, op) &&
    oracle_trimmable (v, len, op->off, a->w->block);

  crash_begin (a, op, key, NULL, op->off, len);
  if (op->kind == CRASH_TRIM)
    r = vdev_trim (d, len, op->off, op->flags);
  else
    r = vdev_zero (d, len, op->off, op->flags);
  crash_end (a);
  if (op->on_snapshot)
    return r == -EROFS || crash_fail (a->w, "a trim of a snapshot: %s",
                                      r == 0 ? "success" : strerror (-r));
  if (!answer_ok (a, op, r))
    return false;
  /* A long one runs in steps; it must not need space for the aligned part,
   * so a refusal is about the edges, before anything changes.
   */
  if (r < 0)
    return refused (a, op, must && r == -ENOSPC, r);
  answered (a, op->flags & VDEV_FUA);
  return changed_whole (a, op);
}

/* ---- reading ----------------------------------------------------------- */

static bool
page_is (const struct oracle_data *data, const uint8_t *buf, size_t len,
         uint64_t off)
{
  const uint8_t *p = oracle_data_page (data, off / ORACLE_PAGE);

  return p ? memcmp (buf, p + off % ORACLE_PAGE, len) == 0
    : base_is_zero (buf, len);
}

static bool
read_ok (struct crash_actor *a, const struct crash_op *op, const uint8_t *buf,
         uint64_t len)
{
  uint64_t done, n;
  char text[200];
  size_t i;

  for (done = 0; done < len; done += n) {
    uint64_t at = op->off + done;
    n = BASE_MIN (len - done, ORACLE_PAGE - at % ORACLE_PAGE);
    for (i = a->nversions; i > 0; i--)
      if (page_is (a->version[i - 1], buf + done, n, at))
        break;
    if (i == 0) {
      crash_op_text (op, text, sizeof text);
      return crash_fail (a->w, "%s: the page at %" PRIu64 " is none of the %zu"
                         " it can be", text, at, a->nversions);
    }
  }
  return true;
}

static bool
do_read (struct crash_actor *a, const struct crash_op *op)
{
  struct oracle_volume *v = target (a, op);
  CLEANUP_FREE uint8_t *buf = NULL;
  struct vdev *d;
  uint64_t len, key;
  bool ok;
  int r;

  if (v == NULL)
    return true;
  key = v->key;
  d = crash_actor_handle (a, key);
  if (d == NULL)
    return !a->w->failed;
  if (!clip (d, op, &len))
    return true;
  buf = need (malloc (len));
  a->reading = key;
  crash_actor_version (a);
  r = vdev_read (d, buf, len, op->off);
  a->reading = 0;
  ok = !a->w->failed;
  if (ok && r < 0 && a->w->with_faults && crash_fault_answer (a, r, false))
    goto out;
  if (ok && r < 0) {
    char text[200];
    crash_op_text (op, text, sizeof text);
    ok = crash_fail (a->w, "%s: %s (%s)", text, strerror (-r),
                     base_error_text ());
  }
  if (ok)
    ok = read_ok (a, op, buf, len);
 out:
  while (a->nversions > 0)
    oracle_data_unref (a->version[--a->nversions]);
  return ok;
}

void
crash_actor_version (struct crash_actor *a)
{
  struct oracle_volume *v = oracle_find_key (a->w->live, a->reading);

  if (v == NULL)
    return;
  if (a->nversions == a->cap_versions) {
    a->cap_versions = a->cap_versions * 2 + 8;
    a->version = need (realloc (a->version,
                                a->cap_versions * sizeof *a->version));
  }
  a->version[a->nversions++] = oracle_data_ref (v->data);
}

/* ---- flush and background work ----------------------------------------- */

static bool
do_flush (struct crash_actor *a, const struct crash_op *op)
{
  struct crash_world *w = a->w;
  struct oracle_volume *v = op->pool_wide || op->kind == CRASH_CHECKPOINT
    ? NULL : target (a, op);
  struct vdev *d = NULL;
  uint64_t want;
  int r;

  if (v) {
    d = crash_actor_handle (a, v->key);
    if (d == NULL)
      return !w->failed;
  }
  want = w->acked;
  crash_begin (a, op, 0, NULL, 0, 0);
  r = op->kind == CRASH_CHECKPOINT ? w->e->checkpoint (w->pool)
    : d ? vdev_flush (d) : w->e->flush (w->pool);
  crash_end (a);
  if (w->failed)
    return false;
  if (r < 0 && !crash_fault_answer (a, r, false))
    return crash_fail (w, "flush: %s (%s)", strerror (-r), base_error_text ());
  if (r == 0)
    crash_promise (w, want);
  return true;
}

static bool
do_reclaim (struct crash_actor *a, const struct crash_op *op)
{
  struct crash_world *w = a->w;
  unsigned i;
  int r = 0;

  crash_begin (a, op, 0, NULL, 0, 0);
  if (op->pool_wide && w->e->reclaim)
    r = w->e->reclaim (w->pool);
  else
    for (i = 0; i < op->steps && r >= 0; i++)
      r = w->e->work (w->pool);
  crash_end (a);
  if (w->failed)
    return false;
  return r >= 0 || crash_fault_answer (a, r, false) ||
    crash_fail (w, "background work: %s (%s)", strerror (-r),
                base_error_text ());
}

/* The first or the second flush of the disk from now on fails: the client's
 * flush must fail then, and so must all later ones.  Then the process is
 * started again.
 */
static bool
do_badflush (struct crash_actor *a)
{
  struct crash_world *w = a->w;
  struct crash_op op = { .kind = CRASH_FLUSH, .pool_wide = true }, wr;
  struct base_rng rng;
  unsigned tries, bad = 0;
  int r = 0;

  w->poisoned = true;
  base_rng_seed (&rng, w->changes);
  image_vdev_fail_flush (w->disk, 1 + base_rng_below (&rng, 2));
  for (tries = 0; tries < 4 && bad < 2; tries++) {
    if (crash_op_make (a, CRASH_WRITE, &rng, &wr) && !crash_do (a, &wr))
      return false;
    crash_begin (a, &op, 0, NULL, 0, 0);
    r = w->e->flush (w->pool);
    crash_end (a);
    if (w->failed)
      return false;
    if (r == -EIO)
      bad++;
    else if (r < 0 || bad > 0)
      return crash_fail (w, "a flush %s one that failed: %s",
                         bad ? "after" : "before",
                         r == 0 ? "success" : strerror (-r));
  }
  image_vdev_fail_flush (w->disk, 0);
  w->poisoned = false;
  return crash_world_restart (w, a);
}

/* ---- all --------------------------------------------------------------- */

static size_t
span_begin (struct crash_world *w, struct crash_actor *a,
            const struct crash_op *op)
{
  struct crash_span s = { .op = *op, .actor = a->number,
                          .start = crash_world_position (w) };

  if (w->nspans == w->cap_spans) {
    w->cap_spans = w->cap_spans * 2 + 64;
    w->span = need (realloc (w->span, w->cap_spans * sizeof *w->span));
  }
  w->span[w->nspans] = s;
  return w->nspans++;
}

bool
crash_do (struct crash_actor *a, const struct crash_op *op)
{
  struct crash_world *w = a->w;
  size_t span = 0;
  bool ok;

  if (w->failed)
    return false;
  w->steps++;
  if (w->verbose) {
    char text[200];
    crash_op_text (op, text, sizeof text);
    printf ("  %u: %s\n", a->number, text);
  }
  if (w->keep_spans)
    span = span_begin (w, a, op);
  switch (op->kind) {
  case CRASH_WRITE: case CRASH_PARTIAL: case CRASH_LARGE: case CRASH_FUA:
    ok = do_write (a, op);
    break;
  case CRASH_TRIM: case CRASH_ZERO:
    ok = do_zero (a, op);
    break;
  case CRASH_READ:
    ok = do_read (a, op);
    break;
  case CRASH_FLUSH:
  case CRASH_CHECKPOINT:
    ok = do_flush (a, op);
    break;
  case CRASH_RECLAIM:
    ok = do_reclaim (a, op);
    break;
  case CRASH_CHECK:
    crash_begin (a, op, 0, NULL, 0, 0);
    ok = crash_world_check (w, op->pool_wide);
    crash_end (a);
    break;
  case CRASH_REOPEN:
    ok = crash_world_reopen (w, a);
    break;
  case CRASH_KILL:
    ok = crash_world_restart (w, a);
    break;
  case CRASH_BADFLUSH:
    ok = do_badflush (a);
    break;
  default:
    ok = crash_do_verb (a, op);
  }
  if (w->keep_spans) {
    w->span[span].end = crash_world_position (w);
    w->span[span].change = a->change;
  }
  return ok && !w->failed;
}
