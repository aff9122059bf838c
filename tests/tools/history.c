/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The rules of history.h.
 *
 * For each sector the requests that wrote it are collected once; an image
 * is then judged sector by sector.  The rule "order" is Gibbons and Korach's
 * test for a register whose values are written once (Testing Shared
 * Memories, 1997): all that is known of a value happens between its zone's
 * two ends, zones that cannot avoid each other are a contradiction.
 */

#include <config.h>

#include <inttypes.h>
#include <stdlib.h>

#include "history.h"

#define SHOWN 10                /* violations printed */

static void *
need (void *p)
{
  if (p == NULL) {
    perror ("history");
    exit (EXIT_FAILURE);
  }
  return p;
}

void
history_init (struct history *h, uint64_t sectors)
{
  memset (h, 0, sizeof *h);
  h->sectors = sectors;
  atomic_init (&h->clock, 1);
  base_mutex_init (&h->mutex);
  h->before = need (base_calloc (sectors, sizeof *h->before));
}

void
history_free (struct history *h)
{
  history_ops_reset (&h->ops);
  base_mutex_destroy (&h->mutex);
  free (h->before);
}

uint64_t
history_tick (struct history *h)
{
  return atomic_fetch_add (&h->clock, 1);
}

uint64_t
history_issue (struct history *h, uint64_t first, uint64_t count, bool zero,
               bool fua)
{
  struct history_op op = {
    .first = first, .count = count, .zero = zero, .fua = fua,
    .answered = HISTORY_NEVER,
  };
  LOCK_FOR_SCOPE (&h->mutex);

  op.issued = history_tick (h);
  if (history_ops_append (&h->ops, op) < 0)
    need (NULL);
  return h->base + h->ops.len;
}

void
history_answer (struct history *h, uint64_t stamp)
{
  LOCK_FOR_SCOPE (&h->mutex);
  struct history_op *op = &h->ops.ptr[stamp - h->base - 1];

  op->answered = history_tick (h);
}

void
history_flushed (struct history *h, uint64_t issued)
{
  LOCK_FOR_SCOPE (&h->mutex);

  if (issued > h->durable)
    h->durable = issued;
}

/* ---- sectors ------------------------------------------------------------ */

static uint64_t
mix (uint64_t stamp, uint64_t sector, unsigned word)
{
  uint64_t x = stamp * UINT64_C (0x9e3779b97f4a7c15) + sector;

  x = (x ^ (x >> 30) ^ word) * UINT64_C (0xbf58476d1ce4e5b9);
  return x ^ (x >> 27);
}

void
history_fill (uint8_t *buf, uint64_t stamp, uint64_t first, uint64_t count)
{
  uint64_t words[HISTORY_SECTOR / 8], s;
  unsigned w;

  for (s = first; s < first + count; ++s, buf += HISTORY_SECTOR) {
    words[0] = htole64 (stamp);
    for (w = 1; w < HISTORY_SECTOR / 8; ++w)
      words[w] = htole64 (mix (stamp, s, w));
    memcpy (buf, words, HISTORY_SECTOR);
  }
}

bool
history_read (const uint8_t *buf, uint64_t sector, uint64_t *stamp)
{
  uint8_t want[HISTORY_SECTOR];
  uint64_t le;

  *stamp = 0;
  if (base_is_zero (buf, HISTORY_SECTOR))
    return true;
  memcpy (&le, buf, sizeof le);
  *stamp = le64toh (le);
  history_fill (want, *stamp, sector, 1);
  return memcmp (buf, want, HISTORY_SECTOR) == 0;
}

/* ---- one image ---------------------------------------------------------- */

static struct history_op *
op_of (struct history *h, uint64_t stamp)
{
  if (stamp <= h->base || stamp > h->base + h->ops.len)
    return NULL;
  return &h->ops.ptr[stamp - h->base - 1];
}

/* For each sector the requests that wrote it, as indexes into ops. */
static struct history_index *
by_sector (struct history *h)
{
  struct history_index *index = need (base_calloc (h->sectors,
                                                   sizeof *index));
  uint64_t s;
  size_t i;

  for (i = 0; i < h->ops.len; ++i)
    for (s = 0; s < h->ops.ptr[i].count; ++s)
      if (history_index_append (&index[h->ops.ptr[i].first + s],
                                (uint32_t) i) < 0)
        need (NULL);
  return index;
}

static void
free_index (struct history *h, struct history_index *index)
{
  uint64_t s;

  for (s = 0; s < h->sectors; ++s)
    history_index_reset (&index[s]);
  free (index);
}

/* What a sector may show: judged against all requests that wrote it. */
struct judge {
  struct history *h;
  const struct history_index *index;    /* per sector */
  const struct history_image *image;
  uint64_t moment;
  bool after_crash;
};

/* Is W in every image of this moment?  FUA is durable by itself. */
static bool
is_settled (const struct judge *j, const struct history_op *w)
{
  return w->answered < j->moment ||
    (j->after_crash && w->fua && w->answered != HISTORY_NEVER);
}

/* Was what OP (NULL: what stood there before the run) left in sector S
 * overwritten by a request that must be in the image?
 */
static bool
overwritten (const struct judge *j, uint64_t s, const struct history_op *op)
{
  uint64_t end = op ? op->answered : 0;
  const struct history_op *w;
  size_t i;

  for (i = 0; i < j->index[s].len; ++i) {
    w = &j->h->ops.ptr[j->index[s].ptr[i]];
    if (w != op && is_settled (j, w) && end < w->issued)
      return true;
  }
  return false;
}

/* Zeroes may come from any trim or zero, or from before the run. */
static bool
zero_is_wrong (const struct judge *j, uint64_t s)
{
  const struct history_op *w;
  size_t i;

  if (j->h->before[s] == 0 && !overwritten (j, s, NULL))
    return false;
  for (i = 0; i < j->index[s].len; ++i) {
    w = &j->h->ops.ptr[j->index[s].ptr[i]];
    if (w->zero && w->issued < j->image->complete && !overwritten (j, s, w))
      return false;
  }
  return true;
}

/* Is there a zeroing of sector S that may have come after OP? */
static bool
zeroed_after (const struct judge *j, uint64_t s, const struct history_op *op)
{
  const struct history_op *w;
  size_t i;

  for (i = 0; i < j->index[s].len; ++i) {
    w = &j->h->ops.ptr[j->index[s].ptr[i]];
    if (w->zero && w->answered > op->issued)
      return true;
  }
  return false;
}

/* OP is in the image; does any of its sectors show what was there before? */
static bool
is_half (const struct judge *j, const struct history_op *op)
{
  const struct history_op *other;
  uint64_t s, stamp;

  for (s = op->first; s < op->first + op->count; ++s) {
    stamp = j->image->stamp[s];
    if (stamp == 0) {
      if (!zeroed_after (j, s, op))
        return true;
      continue;
    }
    other = op_of (j->h, stamp);
    if (other != op && (other ? other->answered : 0) < op->issued)
      return true;
  }
  return false;
}

/* The moment of the image, see history.h. */
static uint64_t
moment (struct history *h, const struct history_image *image,
        bool after_crash)
{
  uint64_t t = after_crash ? h->durable : image->asked, s;
  const struct history_op *op;

  for (s = 0; s < h->sectors; ++s) {
    op = op_of (h, image->stamp[s]);
    if (op && op->issued > t)
      t = op->issued;
  }
  return t;
}

/* The rule that sector S breaks, or NULL. */
static const char *
broken_rule (const struct judge *j, uint64_t s)
{
  uint64_t stamp = j->image->stamp[s];
  const struct history_op *op = op_of (j->h, stamp);

  if (stamp == 0)
    return zero_is_wrong (j, s) ? "lost" : NULL;
  if (op == NULL && stamp != j->h->before[s])
    return "range";
  if (op && (op->zero || s < op->first || s >= op->first + op->count))
    return "range";
  if (op && op->issued > j->image->complete)
    return "future";
  if (overwritten (j, s, op))
    return "lost";
  if (op && is_half (j, op))
    return "half";
  return NULL;
}

unsigned
history_check (struct history *h, const struct history_image *image,
               bool after_crash)
{
  LOCK_FOR_SCOPE (&h->mutex);
  struct history_index *index = by_sector (h);
  struct judge j = {
    .h = h, .index = index, .image = image, .after_crash = after_crash,
    .moment = moment (h, image, after_crash),
  };
  unsigned bad = 0;
  uint64_t s;
  const char *rule;

  for (s = 0; s < h->sectors; ++s) {
    rule = broken_rule (&j, s);
    if (rule && bad++ < SHOWN)
      printf ("%s: sector %" PRIu64 ": %s: shows stamp %" PRIu64
              " (before the run %" PRIu64 "), asked %" PRIu64 ", moment %"
              PRIu64 ", durable %" PRIu64 "\n", image->name, s, rule,
              image->stamp[s], h->before[s], image->asked, j.moment,
              h->durable);
  }
  free_index (h, index);
  return bad;
}

/* ---- all images --------------------------------------------------------- */

/* What is known of one value of one sector. */
struct zone {
  uint64_t stamp;
  uint64_t low;                 /* the first of the ends of what saw it */
  uint64_t high;                /* the last of their beginnings */
};

BASE_VECTOR (zones, struct zone);

static bool
is_forward (const struct zone *z)
{
  return z->low < z->high;
}

/* A, which is forward, and another zone that no order can satisfy: both are
 * forward and overlap, or the other lies whole inside A.
 */
static bool
contradict (const struct zone *a, const struct zone *b)
{
  if (is_forward (b))
    return a->low < b->high && b->low < a->high;
  return b->high > a->low && b->low < a->high;
}

static void
add_zone (struct zones *z, uint64_t stamp, uint64_t begin, uint64_t end)
{
  struct zone one = { .stamp = stamp, .low = end, .high = begin };

  if (zones_append (z, one) < 0)
    need (NULL);
}

/* The zones of sector S; none where something was zeroed, for zeroes are no
 * value of their own.
 */
static void
make_zones (struct history *h, const struct history_index *index, uint64_t s,
            const struct history_image *images, size_t nimages,
            struct zones *z)
{
  const struct history_op *op;
  size_t i, k;

  z->len = 0;
  add_zone (z, h->before[s], 0, 0);
  for (i = 0; i < index->len; ++i) {
    op = &h->ops.ptr[index->ptr[i]];
    if (op->zero) {
      z->len = 0;
      return;
    }
    add_zone (z, h->base + index->ptr[i] + 1, op->issued, op->answered);
  }
  for (i = 0; i < nimages; ++i)
    for (k = 0; k < z->len; ++k)
      if (z->ptr[k].stamp == images[i].stamp[s]) {
        z->ptr[k].low = BASE_MIN (z->ptr[k].low, images[i].complete);
        z->ptr[k].high = BASE_MAX (z->ptr[k].high, images[i].asked);
      }
}

unsigned
history_check_order (struct history *h, const struct history_image *images,
                     size_t nimages)
{
  LOCK_FOR_SCOPE (&h->mutex);
  struct history_index *index = by_sector (h);
  struct zones z = { 0 };
  unsigned bad = 0;
  uint64_t s;
  size_t i, k;

  for (s = 0; s < h->sectors; ++s) {
    make_zones (h, &index[s], s, images, nimages, &z);
    for (i = 0; i < z.len; ++i) {
      if (!is_forward (&z.ptr[i]))
        continue;
      for (k = 0; k < z.len; ++k)
        if (k != i && contradict (&z.ptr[i], &z.ptr[k]) && bad++ < SHOWN)
          printf ("sector %" PRIu64 ": order: stamps %" PRIu64 " and %" PRIu64
                  " cannot be put in one\n", s, z.ptr[i].stamp,
                  z.ptr[k].stamp);
    }
  }
  zones_reset (&z);
  free_index (h, index);
  return bad;
}

void
history_restart (struct history *h, const struct history_image *image)
{
  LOCK_FOR_SCOPE (&h->mutex);

  memcpy (h->before, image->stamp, h->sectors * sizeof *h->before);
  h->base += h->ops.len;
  h->ops.len = 0;
  h->durable = 0;
}
