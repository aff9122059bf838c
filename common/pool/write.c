/* SPDX-License-Identifier: BSD-3-Clause
 *
 * write: from a request to its publish.
 *
 *   1. A block that is only partly covered is read and merged.  Nothing is
 *      locked: the entry it was read through becomes an expectation, and if
 *      the map has another one at publish, it is done again (compare and
 *      swap).
 *   2. Blocks that are all zero become holes and need no place.
 *   3. The map is surveyed for what the rest takes, and it is admitted.
 *   4. Data goes to the places that came with the admission.
 *   5. Publish.
 *
 * Whatever fails before 5 has changed nothing; the places go back.  The map
 * may have changed between 3 and 5 (a snapshot made exclusive blocks shared,
 * a trim made holes): then the charge is raised at publish or, when there is
 * no room for that, everything starts again and may end in ENOSPC.
 *
 * A request longer than the pool's limit goes in pieces, admitted as a whole.
 *
 * When it does not fit, a block whose birth says "maybe shared" may still be
 * exclusive in truth (its snapshot is gone).  Then the same is done once
 * more with the commit held, where reference counts can be asked.
 */

#include <config.h>

#include <stdlib.h>

#include "pool-internal.h"
#include "io-internal.h"

#define SMALL 18                /* blocks without allocation */

struct write {
  struct handle *h;
  struct volume *v;
  struct pool *p;
  const char *buf;              /* NULL = zeroes */
  uint64_t off, end;            /* bytes */
  uint64_t first, count;        /* blocks */
  struct format_entry *e;       /* count entries */
  struct format_entry small[SMALL];
  /* Merged blocks: the first, the last, or the only one. */
  char *edge[2];
  uint64_t edge_block[2];
  unsigned nedges;
  bool as_growth;               /* charge every data block as growth */
  struct edit edit;
  struct charge charge;
  struct extent extents[SMALL]; /* room for charge.places */
};

/* ---- merging ------------------------------------------------------------- */

/* The new bytes of BLOCK, which is wholly covered or an edge. */
static const char *
source (const struct write *w, uint64_t block)
{
  unsigned i;

  for (i = 0; i < w->nedges; ++i)
    if (w->edge_block[i] == block)
      return w->edge[i];
  return w->buf ? w->buf + (block * w->p->block_size - w->off) : NULL;
}

static int
merge_edge (struct write *w, unsigned i)
{
  struct pool *p = w->p;
  const uint64_t bs = p->block_size, block = w->edge_block[i];
  const uint64_t from = BASE_MAX (w->off, block * bs);
  const uint64_t to = BASE_MIN (w->end, (block + 1) * bs);
  struct format_entry *e = &w->edit.expect[i].e;
  bool hole;
  int64_t n;
  int r;

  n = tree_lookup (w->v, block, 1, e, &hole);
  if (n < 0)
    return (int) n;
  if (hole)
    memset (e, 0, sizeof *e);
  w->edit.expect[i].block = block;
  r = io_read_block (w->v, block, e, w->edge[i]);
  if (r < 0)
    return r;
  if (w->buf)
    memcpy (w->edge[i] + (from - block * bs), w->buf + (from - w->off),
            to - from);
  else
    memset (w->edge[i] + (from - block * bs), 0, to - from);
  return 0;
}

static int
merge (struct write *w)
{
  unsigned i;
  int r = 0;

  for (i = 0; i < w->nedges && r == 0; ++i)
    r = merge_edge (w, i);
  w->edit.nexpect = w->nedges;
  return r;
}

/* Types of the new entries, from the data. */
static void
classify (struct write *w)
{
  uint64_t i;

  for (i = 0; i < w->count; ++i) {
    const char *s = source (w, w->first + i);

    memset (&w->e[i], 0, sizeof w->e[i]);
    if (s && !base_is_zero (s, w->p->block_size))
      format_entry_set (&w->e[i], FORMAT_DATA, 0, 0, 0);
  }
}

/* ---- admission --------------------------------------------------------------- */

static int
survey (struct write *w)
{
  struct survey s;
  struct reader reader = reader_enter (w->p);
  int r;

  r = merge (w);
  if (r == 0) {
    classify (w);
    r = publish_survey (&w->edit, &s);
  }
  reader_exit (w->p, reader);
  if (r < 0)
    return r;
  w->charge.data = s.data;
  w->charge.growth = w->as_growth ? s.data : s.growth;
  w->charge.nodes = s.missing;
  w->charge.dirty = tree_path_nodes (w->p, w->v->levels, w->first, w->count);
  return 0;
}

/* Admit; -ENOSPC when there is no room for what may be growth. */
static int
admit (struct write *w)
{
  int r;

  for (;;) {
    r = survey (w);
    if (r < 0)
      return r;
    r = space_admit (w->p, &w->charge, w->h, false);
    if (r != -ENOSPC)
      return r;
    r = space_make_room (w->p, w->charge.growth + w->charge.nodes);
    if (r < 0)
      return r;
  }
}

/* ---- data ----------------------------------------------------------------------- */

/* Places of the charge go to the data blocks, in order. */
static void
assign_places (struct write *w)
{
  const struct extent *x = w->charge.places.ptr;
  uint64_t i, used = 0;

  for (i = 0; i < w->count; ++i) {
    if (format_type (&w->e[i]) != FORMAT_DATA)
      continue;
    while (used == x->count) {
      x++;
      used = 0;
    }
    format_entry_set (&w->e[i], FORMAT_DATA, x->place + used, 0,
                      base_crc32c (source (w, w->first + i),
                                   w->p->block_size));
    used++;
  }
}

/* Neighbours in memory and on disk go out together. */
static int
write_data (struct write *w)
{
  const uint64_t bs = w->p->block_size;
  uint64_t i, j;
  int r;

  for (i = 0; i < w->count; i = j) {
    const char *s = source (w, w->first + i);

    j = i + 1;
    if (format_type (&w->e[i]) != FORMAT_DATA)
      continue;
    while (j < w->count && format_type (&w->e[j]) == FORMAT_DATA
           && format_place (&w->e[j]) == format_place (&w->e[i]) + (j - i)
           && source (w, w->first + j) == s + (j - i) * bs)
      j++;
    r = vdev_write (w->p->backing, s, (j - i) * bs,
                    format_place (&w->e[i]) * bs, 0);
    if (r < 0) {
      r = base_fail_in (r, "%s", w->v->label);
      event_log_once (w->p, w->v, format_place (&w->e[i]));
      return r;
    }
  }
  return 0;
}

/* The places have been paid for.  -EAGAIN, -ENOSPC: start again. */
static int
write_and_publish (struct write *w)
{
  struct reader reader;
  int r;

  assign_places (w);
  r = write_data (w);
  if (r < 0)
    return r == -ENOSPC || r == -EAGAIN ? -EIO : r;
  reader = reader_enter (w->p);
  r = publish_edit (&w->edit);
  reader_exit (w->p, reader);
  return r;
}

/* ---- with the commit held ----------------------------------------------------- */

/* -EAGAIN: not right now, after a commit. */
static int
try_exactly (struct write *w)
{
  int r;

  r = commit_hold (w->p);
  if (r < 0)
    return r;
  w->edit.exact = true;
  r = survey (w);
  if (r == 0)
    r = space_admit (w->p, &w->charge, w->h, true);
  if (r == 0)
    r = write_and_publish (w);
  w->edit.exact = false;
  commit_release (w->p);
  return r;
}

static int
write_exactly (struct write *w)
{
  int r;

  for (;;) {
    r = try_exactly (w);
    space_release (w->p, &w->charge);
    if (r != -EAGAIN)
      return r;
    r = space_wait (w->p);
    if (r < 0)
      return r;
  }
}

/* ---- requests -------------------------------------------------------------------- */

static int
run (struct write *w)
{
  int r;

  for (;;) {
    r = admit (w);
    if (r == -ENOSPC)
      return write_exactly (w);
    if (r < 0)
      return r;
    r = write_and_publish (w);
    space_release (w->p, &w->charge);
    if (r != -EAGAIN && r != -ENOSPC)
      return r;
  }
}

static int
set_up (struct write *w)
{
  const uint64_t bs = w->p->block_size;
  const uint64_t last = (w->end - 1) / bs;
  unsigned i;

  w->first = w->off / bs;
  w->count = last - w->first + 1;
  if (w->off % bs != 0 || (last == w->first && w->end % bs != 0))
    w->edge_block[w->nedges++] = w->first;
  if (w->end % bs != 0 && last != w->first)
    w->edge_block[w->nedges++] = last;
  for (i = 0; i < w->nedges; ++i) {
    w->edge[i] = base_malloc (bs);
    if (w->edge[i] == NULL)
      return base_fail (ENOMEM, "out of memory");
  }
  w->e = w->small;
  if (w->count <= SMALL) {
    /* At most one extent for each block. */
    w->charge.places.ptr = w->extents;
    w->charge.places.cap = SMALL;
  }
  else {
    w->e = base_malloc (w->count * sizeof w->e[0]);
    if (w->e == NULL)
      return base_fail (ENOMEM, "out of memory");
  }
  w->edit.v = w->v;
  w->edit.h = w->h;
  w->edit.block = w->first;
  w->edit.count = w->count;
  w->edit.e = w->e;
  w->edit.charge = &w->charge;
  w->edit.offset = w->off;
  w->edit.length = w->end - w->off;
  return 0;
}

static int
begin (struct write *w, struct handle *h, const char *buf, uint64_t off,
       uint64_t end)
{
  memset (w, 0, offsetof (struct write, small));
  memset (&w->edge, 0, offsetof (struct write, extents)
          - offsetof (struct write, edge));
  w->h = h;
  w->v = h->v;
  w->p = h->pool;
  w->buf = buf;
  w->off = off;
  w->end = end;
  return set_up (w);
}

static void
finish (struct write *w)
{
  unsigned i;

  space_release (w->p, &w->charge);
  for (i = 0; i < w->nedges; ++i)
    free (w->edge[i]);
  if (w->e != w->small) {
    free (w->e);
    extent_vector_reset (&w->charge.places);
  }
}

int
io_write_range (struct handle *h, const char *buf, size_t len, uint64_t off,
                uint64_t *txn)
{
  struct write w;
  int r;

  r = begin (&w, h, buf, off, off + len);
  if (r == 0)
    r = run (&w);
  *txn = w.edit.txn;
  finish (&w);
  return r;
}

/* ---- two ends of one request ----------------------------------------------------- */

/* Room for both or for none, without waiting for one while the other is
 * held.
 */
static int
admit_both (struct write *a, struct write *b)
{
  int r;

  for (;;) {
    r = admit (a);
    if (r < 0)
      return r;
    r = survey (b);
    if (r == 0)
      r = space_admit (b->p, &b->charge, b->h, true);
    if (r == 0)
      return 0;
    space_release (a->p, &a->charge);
    if (r == -ENOSPC)
      r = space_make_room (b->p, a->charge.growth + b->charge.growth
                           + a->charge.nodes + b->charge.nodes);
    else if (r == -EAGAIN)
      r = space_wait (b->p);
    if (r < 0)
      return r;
  }
}

/* W is admitted, and nothing that happens meanwhile makes it need more.  If
 * its block changed, it is merged again.
 */
static int
publish_charged (struct write *w)
{
  struct reader reader;
  int r;

  for (;;) {
    r = write_and_publish (w);
    if (r != -EAGAIN)
      return r;
    reader = reader_enter (w->p);
    r = merge (w);
    reader_exit (w->p, reader);
    if (r < 0)
      return r;
    classify (w);
    /* Another request has filled or emptied the block meanwhile. */
    if ((w->charge.data > 0) != (format_type (&w->e[0]) == FORMAT_DATA)) {
      space_release (w->p, &w->charge);
      return run (w);
    }
  }
}

static int
publish_both (struct write *a, struct write *b)
{
  int r = publish_charged (a);

  return r < 0 ? r : publish_charged (b);
}

/* With the commit held no snapshot can come between, so that what is
 * exclusive now needs no growth.  -EAGAIN: not right now.
 */
static int
try_both_exactly (struct write *a, struct write *b)
{
  int r;

  r = commit_hold (a->p);
  if (r < 0)
    return r;
  a->edit.exact = b->edit.exact = true;
  a->as_growth = b->as_growth = false;
  r = survey (a);
  if (r == 0)
    r = space_admit (a->p, &a->charge, a->h, true);
  if (r == 0)
    r = survey (b);
  if (r == 0)
    r = space_admit (b->p, &b->charge, b->h, true);
  if (r == 0)
    r = publish_both (a, b);
  commit_release (a->p);
  a->edit.exact = b->edit.exact = false;
  space_release (a->p, &a->charge);
  space_release (b->p, &b->charge);
  return r;
}

int
io_zero_ends (struct handle *h, uint64_t off, uint64_t first, uint64_t last,
              uint64_t end, uint64_t *txn)
{
  struct write a, b;
  int r, s;

  r = begin (&a, h, NULL, off, first);
  s = begin (&b, h, NULL, last, end);
  r = r < 0 ? r : s;
  /* As growth: a snapshot may come between the two publishes. */
  a.as_growth = b.as_growth = true;
  if (r == 0)
    r = admit_both (&a, &b);
  if (r == 0)
    r = publish_both (&a, &b);
  else if (r == -ENOSPC)
    while ((r = try_both_exactly (&a, &b)) == -EAGAIN) {
      r = space_wait (h->pool);
      if (r < 0)
        break;
    }
  *txn = BASE_MAX (a.edit.txn, b.edit.txn);
  finish (&a);
  finish (&b);
  return r;
}

/* ---- long requests ------------------------------------------------------------------- */

/* More than the recycle floor can carry at once: its growth is set aside as
 * a whole first, then it goes in pieces, which draw on that.
 *
 * What would make a later piece need more than was set aside has to wait
 * meanwhile.  Snapshots would turn overwrites into growth: long_requests.
 * Holes that others make would, too: if there is room, every block is set
 * aside as growth, and they do no harm; if not, hole_makers keeps them out.
 */
enum how { AS_GROWTH, AS_IT_IS, EXACTLY };

static int
survey_long (struct handle *h, const char *buf, size_t len, uint64_t off,
             enum how how, uint64_t *growth)
{
  const uint64_t piece = h->pool->space.max_blocks * h->pool->block_size;
  uint64_t at, next;
  struct write w;
  int r = 0;

  *growth = 0;
  for (at = off; at < off + len && r == 0; at = next) {
    next = BASE_MIN (off + len, (at / piece + 1) * piece);
    r = begin (&w, h, buf + (at - off), at, next);
    w.edit.exact = how == EXACTLY;
    w.as_growth = how == AS_GROWTH;
    if (r == 0)
      r = survey (&w);
    *growth += w.charge.growth + w.charge.nodes;
    finish (&w);
  }
  return r;
}

static int
set_aside (struct handle *h, const char *buf, size_t len, uint64_t off,
           enum how how, struct credit *credit)
{
  struct pool *p = h->pool;
  uint64_t growth;
  int r;

  do {
    r = survey_long (h, buf, len, off, how, &growth);
    if (r < 0)
      return r;
    r = space_set_aside (p, growth, credit);
  } while (r == -ENOSPC && how != EXACTLY
           && (r = space_make_room (p, growth)) >= 0);
  return r;
}

/* No room even for what is growth by its birth: ask the counts. */
static int
set_aside_exactly (struct handle *h, const char *buf, size_t len,
                   uint64_t off, struct credit *credit)
{
  int r;

  r = commit_hold (h->pool);
  if (r < 0)
    return r;
  r = set_aside (h, buf, len, off, EXACTLY, credit);
  commit_release (h->pool);
  return r;
}

static int
write_pieces (struct handle *h, const char *buf, size_t len, uint64_t off,
              struct credit *credit, uint64_t *txn)
{
  const uint64_t piece = h->pool->space.max_blocks * h->pool->block_size;
  struct write w;
  uint64_t at, next;
  int r = 0;

  for (at = off; at < off + len && r == 0; at = next) {
    next = BASE_MIN (off + len, (at / piece + 1) * piece);
    r = begin (&w, h, buf + (at - off), at, next);
    w.charge.credit = credit;
    if (r == 0)
      r = run (&w);
    *txn = BASE_MAX (*txn, w.edit.txn);
    finish (&w);
  }
  space_return_credit (h->pool, credit);
  return r;
}

static int
write_long (struct handle *h, const char *buf, size_t len, uint64_t off,
            uint64_t *txn)
{
  struct pool *p = h->pool;
  struct credit credit = { 0 };
  int r;
  RDLOCK_FOR_SCOPE (&p->long_requests);

  base_rwlock_rdlock (&p->hole_makers);
  r = set_aside (h, buf, len, off, AS_GROWTH, &credit);
  if (r == 0)
    r = write_pieces (h, buf, len, off, &credit, txn);
  base_rwlock_unlock (&p->hole_makers);
  if (r != -ENOSPC)
    return r;

  base_rwlock_wrlock (&p->hole_makers);
  r = set_aside (h, buf, len, off, AS_IT_IS, &credit);
  if (r == -ENOSPC)
    r = set_aside_exactly (h, buf, len, off, &credit);
  if (r == 0)
    r = write_pieces (h, buf, len, off, &credit, txn);
  base_rwlock_unlock (&p->hole_makers);
  return r;
}

/* Some block of this request may become a hole. */
static bool
makes_holes (const char *buf, size_t len, uint64_t off, uint64_t bs)
{
  while (len > 0) {
    const size_t part = BASE_MIN (len, bs - off % bs);

    if (base_is_zero (buf, part))
      return true;
    buf += part;
    off += part;
    len -= part;
  }
  return false;
}

static int
write_short (struct handle *h, const char *buf, size_t len, uint64_t off,
             uint64_t *txn)
{
  const bool holes = makes_holes (buf, len, off, h->pool->block_size);
  int r;

  if (holes)
    base_rwlock_rdlock (&h->pool->hole_makers);
  r = io_write_range (h, buf, len, off, txn);
  if (holes)
    base_rwlock_unlock (&h->pool->hole_makers);
  return r;
}

int
io_write (struct vdev *d, const void *buf, size_t len, uint64_t off,
          uint32_t flags)
{
  struct handle *h = (struct handle *) d;
  struct pool *p = h->pool;
  uint64_t txn;
  int r;

  r = io_enter (h);
  if (r < 0)
    return r;
  txn = 0;
  if (len / p->block_size <= p->space.max_blocks)
    r = write_short (h, buf, len, off, &txn);
  else
    r = write_long (h, buf, len, off, &txn);
  if (r == 0 && (flags & VDEV_FUA))
    r = commit_to (p, txn);
  io_exit (h);
  atomic_fetch_add_explicit (&p->n_writes, 1, memory_order_relaxed);
  atomic_fetch_add_explicit (&p->n_bytes_written, len, memory_order_relaxed);
  return r;
}
