/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From a log to states of the disk; crash-states.h is the manual.
 */

#include <config.h>

#include <inttypes.h>
#include <stdlib.h>

#include "crash-states.h"

#define NEVER UINT64_MAX

static void *
need (void *p)
{
  if (p == NULL) {
    fprintf (stderr, "crash-states: out of memory\n");
    abort ();
  }
  return p;
}

static bool
changes (const struct recorder_op *op)
{
  return op->kind != RECORDER_FLUSH && op->kind != RECORDER_MARK;
}

/* ---- when an operation is settled -------------------------------------- */

static uint64_t
durable_at (const struct recorder_log *log, size_t i)
{
  const struct recorder_op *op = &log->ops[i];
  uint64_t r = NEVER;
  size_t j;

  if (op->completed_at == 0 || op->error != 0)
    return NEVER;
  /* Flushes do not overtake each other by much; look at all later ones until
   * one that was issued after the first that settles it.
   */
  for (j = i + 1; j < log->n; j++) {
    const struct recorder_op *f = &log->ops[j];
    if (f->kind != RECORDER_FLUSH || f->completed_at == 0 ||
        f->completed_at < op->completed_at)
      continue;
    if (r != NEVER && f->issued_at > r)
      break;
    if (f->error != 0) {
      if (f->completed_at < r)
        return NEVER;
    }
    else if (f->issued_at > op->completed_at)
      r = BASE_MIN (r, f->completed_at);
  }
  return r;
}

/* An operation that is never durable has no effect any more once a later one
 * that covers it is.
 */
static uint64_t
covered_at (const struct crash_states *cs, size_t i)
{
  const struct recorder_op *op = &cs->log.ops[i], *b;
  uint64_t r = NEVER;
  size_t j;

  if (op->kind == RECORDER_RESIZE || op->completed_at == 0)
    return NEVER;
  for (j = i + 1; j < cs->log.n; j++) {
    b = &cs->log.ops[j];
    if (changes (b) && b->kind != RECORDER_RESIZE && b->off <= op->off &&
        b->off + b->len >= op->off + op->len &&
        b->issued_at > op->completed_at && !cs->dead[j])
      r = BASE_MIN (r, cs->settled_at[j]);
  }
  return r;
}

void
crash_states_init (struct crash_states *cs, const struct recorder_log *log,
                   const struct image *base)
{
  size_t i;

  memset (cs, 0, sizeof *cs);
  cs->log = *log;
  cs->settled_at = need (calloc (log->n + 1, sizeof *cs->settled_at));
  cs->dead = need (calloc (log->n + 1, sizeof *cs->dead));
  cs->base = base;
  cs->fold = image_overlay (base);
  for (i = 0; i < log->n; i++)
    if (changes (&log->ops[i]))
      cs->settled_at[i] = durable_at (log, i);
  for (i = log->n; i-- > 0; )
    if (cs->settled_at[i] == NEVER && changes (&log->ops[i])) {
      cs->settled_at[i] = covered_at (cs, i);
      cs->dead[i] = cs->settled_at[i] != NEVER;
    }
}

void
crash_states_fini (struct crash_states *cs)
{
  free (cs->settled_at);
  free (cs->dead);
  image_free (cs->fold);
}

/* ---- applying ---------------------------------------------------------- */

static void
apply_bytes (struct image *i, const struct recorder_op *op, uint64_t off,
             uint64_t len)
{
  if (op->kind == RECORDER_WRITE)
    image_write (i, op->data + (off - op->off), len, off);
  else
    image_zero (i, len, off);
}

static bool
sector_landed (const struct crash_survivor *s, uint64_t nr)
{
  switch (s->landed) {
  case LANDED_NOT: return false;
  case LANDED_WHOLE: return true;
  case LANDED_PREFIX: return nr < s->n;
  case LANDED_SUFFIX: return nr >= s->n;
  case LANDED_SOME:
    nr = (nr + s->n) * UINT64_C (0x9fb21c651e98df25);
    return (nr ^ nr >> 32) & 1;
  }
  return false;
}

static void
apply (struct image *i, const struct recorder_op *op,
       const struct crash_survivor *s)
{
  uint64_t off, n, nr, end = op->off + op->len;

  if (s->landed == LANDED_NOT)
    return;
  if (op->kind == RECORDER_RESIZE) {
    image_resize (i, op->len);
    return;
  }
  if (s->landed == LANDED_WHOLE) {
    apply_bytes (i, op, op->off, op->len);
    return;
  }
  for (off = op->off, nr = 0; off < end; off += n, nr++) {
    n = BASE_MIN (end - off, IMAGE_SECTOR - off % IMAGE_SECTOR);
    if (sector_landed (s, nr))
      apply_bytes (i, op, off, n);
  }
}

static const struct crash_survivor whole = { .landed = LANDED_WHOLE };

static void
move_to (struct crash_states *cs, uint64_t point)
{
  const struct recorder_log *log = &cs->log;

  if (point < cs->point) {      /* start again */
    image_free (cs->fold);
    cs->fold = image_overlay (cs->base);
    cs->folded = 0;
  }
  cs->point = point;
  for (; cs->folded < log->n; cs->folded++) {
    const struct recorder_op *op = &log->ops[cs->folded];
    if (op->issued_at > point)
      break;
    if (!changes (op))
      continue;
    if (cs->settled_at[cs->folded] > point)
      break;
    if (!cs->dead[cs->folded])
      apply (cs->fold, op, &whole);
  }
}

size_t
crash_states_pending (struct crash_states *cs, uint64_t point,
                      struct crash_choice *c)
{
  size_t i;

  move_to (cs, point);
  c->point = point;
  c->n = 0;
  c->order = 0;
  for (i = cs->folded; i < cs->log.n &&
         cs->log.ops[i].issued_at <= point; i++) {
    if (!changes (&cs->log.ops[i]) || cs->settled_at[i] <= point)
      continue;
    if (c->n == c->cap) {
      c->cap = c->cap * 2 + 16;
      c->s = need (realloc (c->s, c->cap * sizeof *c->s));
    }
    c->s[c->n++] = (struct crash_survivor) { .op = i };
  }
  return c->n;
}

/* One operation taking effect at a moment; see recorder-rebuild.c. */
struct effect {
  uint64_t moment;
  size_t op;
  const struct crash_survivor *s;
};

static int
by_moment (const void *a, const void *b)
{
  const struct effect *x = a, *y = b;

  if (x->moment != y->moment)
    return x->moment < y->moment ? -1 : 1;
  return x->op < y->op ? -1 : x->op > y->op;
}

static uint64_t
some_moment (const struct recorder_op *op, uint64_t point,
             struct base_rng *rng)
{
  uint64_t first = op->issued_at, last = op->completed_at;

  if (last == 0 || last > point || op->error != 0)
    last = point + 1;
  return first * RECORDER_FINE +
    base_rng_below (rng, (last - first) * RECORDER_FINE);
}

struct image *
crash_states_build (struct crash_states *cs, const struct crash_choice *c)
{
  const struct recorder_log *log = &cs->log;
  struct image *image;
  struct effect *e;
  struct base_rng rng;
  size_t i, n = 0, next = 0;

  move_to (cs, c->point);
  image = image_overlay (cs->fold);
  e = need (malloc ((log->n - cs->folded + 1) * sizeof *e));
  base_rng_seed (&rng, c->order);
  for (i = cs->folded; i < log->n && log->ops[i].issued_at <= c->point; i++) {
    const struct recorder_op *op = &log->ops[i];
    if (!changes (op) || (cs->dead[i] && cs->settled_at[i] <= c->point))
      continue;
    e[n] = (struct effect) { .moment = op->issued_at * RECORDER_FINE,
                             .op = i, .s = &whole };
    if (cs->settled_at[i] > c->point)
      e[n].s = &c->s[next++];
    if (c->order)
      e[n].moment = some_moment (op, c->point, &rng);
    n++;
  }
  if (c->order)
    qsort (e, n, sizeof *e, by_moment);
  for (i = 0; i < n; i++)
    apply (image, &log->ops[e[i].op], e[i].s);
  free (e);
  return image;
}

/* ---- choosing ---------------------------------------------------------- */

static void
tear (const struct recorder_op *op, struct crash_survivor *s,
      struct base_rng *rng)
{
  uint64_t sectors = base_div_up (op->len, IMAGE_SECTOR);

  s->landed = LANDED_WHOLE;
  if (sectors < 2 || op->kind == RECORDER_RESIZE)
    return;
  s->landed = LANDED_PREFIX + base_rng_below (rng, 3);
  s->n = s->landed == LANDED_SOME ? base_rng_u64 (rng)
    : 1 + base_rng_below (rng, sectors - 1);
}

void
crash_choose_subset (struct crash_choice *c, uint64_t n)
{
  size_t i;

  c->order = 0;
  for (i = 0; i < c->n; i++)
    c->s[i].landed = i < 64 && (n >> i & 1) ? LANDED_WHOLE : LANDED_NOT;
}

void
crash_choose (const struct crash_states *cs, struct crash_choice *c,
              struct base_rng *rng)
{
  enum { PREFIX, TORN_PREFIX, SUBSET, TORN_SUBSET, DROP_ONE, KEEP_ONE, ALL,
         REORDER, WAYS } way = base_rng_below (rng, WAYS);
  size_t i, one = c->n ? base_rng_below (rng, c->n + (way < SUBSET)) : 0;

  c->order = way == REORDER ? base_rng_u64 (rng) | 1 : 0;
  for (i = 0; i < c->n; i++) {
    struct crash_survivor *s = &c->s[i];
    bool land = false, torn = false;

    switch (way) {
    case PREFIX: land = i < one; break;
    case TORN_PREFIX: land = i <= one; torn = i == one; break;
    case SUBSET: land = base_rng_below (rng, 2); break;
    case TORN_SUBSET: case REORDER:
      land = base_rng_below (rng, 4) > 0;
      torn = base_rng_below (rng, 3) == 0;
      break;
    case DROP_ONE: land = i != one; break;
    case KEEP_ONE: land = i == one; break;
    case ALL: default: land = true; break;
    }
    s->landed = land ? LANDED_WHOLE : LANDED_NOT;
    s->n = 0;
    if (land && torn)
      tear (&cs->log.ops[s->op], s, rng);
  }
}

uint64_t
crash_choice_hash (const struct crash_choice *c)
{
  uint64_t h = c->point * UINT64_C (0x9fb21c651e98df25) + c->order;
  size_t i;

  for (i = 0; i < c->n; i++) {
    h ^= c->s[i].op * 8 + c->s[i].landed + (c->s[i].n << 40);
    h *= UINT64_C (0x9fb21c651e98df25);
    h ^= h >> 35;
  }
  return h;
}

void
crash_choice_print (const struct crash_states *cs,
                    const struct crash_choice *c, FILE *fp)
{
  static const char *const names[] = {
    "lost", "landed", "landed: first", "landed: all but first",
    "landed: sectors by lot" };
  static const char *const kinds[] = {
    "write", "trim", "zero", "resize", "flush", "mark" };
  size_t i;

  fprintf (fp, "  crash behind event %" PRIu64 ", %zu operations pending%s\n",
           c->point, c->n, c->order ? ", reordered" : "");
  for (i = 0; i < c->n; i++) {
    const struct recorder_op *op = &cs->log.ops[c->s[i].op];
    fprintf (fp, "    [%" PRIu64 "] %s at %" PRIu64 "+%" PRIu64 ": %s",
             op->issued_at, kinds[op->kind], op->off, op->len,
             names[c->s[i].landed]);
    if (c->s[i].landed == LANDED_PREFIX || c->s[i].landed == LANDED_SUFFIX)
      fprintf (fp, " %" PRIu64 " sectors", c->s[i].n);
    fprintf (fp, "\n");
  }
}

void
crash_choice_reset (struct crash_choice *c)
{
  free (c->s);
  memset (c, 0, sizeof *c);
}
