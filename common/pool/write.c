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
 * Requests longer than the pool's limit are in write-long.c.
 *
 * When it does not fit, a block whose birth says "maybe shared" may still be
 * exclusive in truth (its snapshot is gone).  Then the same is done once
 * more with the commit held, where reference counts can be asked.
 */

#include <config.h>

#include <stdlib.h>

#include "pool-internal.h"
#include "io-internal.h"

#define WRITERS 4               /* requests at once, VDEV_ONE_WRITER */

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

  n = tree_lookup (w->v, block, 1, e, 1, &hole);
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

int
write_merge (struct write *w)
{
  unsigned i;
  int r = 0;

  for (i = 0; i < w->nedges && r == 0; ++i)
    r = merge_edge (w, i);
  w->edit.nexpect = w->nedges;
  return r;
}

/* Types of the new entries, from the data. */
void
write_classify (struct write *w)
{
  uint64_t i;

  for (i = 0; i < w->count; ++i) {
    const char *s = source (w, w->first + i);

    memset (&w->e[i], 0, sizeof w->e[i]);
    if (s && !base_is_zero (s, w->p->block_size))
      format_entry_set (&w->e[i], FORMAT_DATA, 0, 0, 0);
  }
}

/* ---- admission ----------------------------------------------------------- */

int
write_survey (struct write *w)
{
  struct survey s;
  struct reader reader = reader_enter (w->p);
  int r;

  r = write_merge (w);
  if (r == 0) {
    write_classify (w);
    r = publish_survey (&w->edit, &s);
  }
  reader_exit (w->p, reader);
  if (r < 0)
    return r;
  w->charge.data = s.data;
  w->charge.growth = w->as_growth ? s.data : s.growth;
  w->charge.dirty = tree_path_nodes (w->p, w->v->levels, w->first, w->count);
  w->charge.nodes = w->as_growth && s.data > 0 ? w->charge.dirty : s.missing;
  return 0;
}

/* Admit; -ENOSPC when there is no room for what may be growth. */
int
write_admit (struct write *w)
{
  int r;

  for (;;) {
    r = write_survey (w);
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

/* ---- data ---------------------------------------------------------------- */

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
      event_backing (w->p, w->v->label, format_place (&w->e[i]));
      return r;
    }
  }
  return 0;
}

/* Who writes to a file waits for those who do already, and a transaction or
 * a checkpoint, with a few blocks to write, would stand behind hundreds of
 * requests.  So while one is being committed requests queue before they write
 * their data; who holds back the commits (exact) does not.
 */
static int
write_data_in_turn (struct write *w)
{
  struct pool *p = w->p;
  int r;

  if (w->edit.exact || !vdev_has (p->backing, VDEV_ONE_WRITER)
      || atomic_load (&p->committing) == 0)
    return write_data (w);
  base_mutex_lock (&p->gate_lock);
  while (p->writing >= WRITERS && atomic_load (&p->committing) > 0)
    base_cond_wait (&p->gate_opened, &p->gate_lock);
  p->writing++;
  base_mutex_unlock (&p->gate_lock);
  r = write_data (w);
  base_mutex_lock (&p->gate_lock);
  p->writing--;
  base_cond_signal (&p->gate_opened);
  base_mutex_unlock (&p->gate_lock);
  return r;
}

void
write_gate_close (struct pool *p)
{
  atomic_fetch_add (&p->committing, 1);
}

void
write_gate_open (struct pool *p)
{
  LOCK_FOR_SCOPE (&p->gate_lock);

  if (atomic_fetch_sub (&p->committing, 1) == 1)
    base_cond_broadcast (&p->gate_opened);
}

/* The places have been paid for.  -EAGAIN, -ENOSPC: start again. */
int
write_and_publish (struct write *w)
{
  struct reader reader;
  int r;

  assign_places (w);
  r = write_data_in_turn (w);
  if (r < 0)
    return r == -ENOSPC || r == -EAGAIN ? -EIO : r;
  reader = reader_enter (w->p);
  r = publish_edit (&w->edit);
  reader_exit (w->p, reader);
  return r;
}

/* ---- with the commit held ------------------------------------------------ */

/* -EAGAIN: not right now, after a commit. */
static int
try_exactly (struct write *w)
{
  int r;

  r = commit_hold (w->p);
  if (r < 0)
    return r;
  w->edit.exact = true;
  r = write_survey (w);
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

/* ---- requests ------------------------------------------------------------ */

int
write_run (struct write *w)
{
  int r;

  if (w->exactly)
    return write_exactly (w);
  for (;;) {
    r = write_admit (w);
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

int
write_begin (struct write *w, struct handle *h, const char *buf, uint64_t off,
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

void
write_finish (struct write *w)
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

  r = write_begin (&w, h, buf, off, off + len);
  if (r == 0)
    r = write_run (&w);
  *txn = w.edit.txn;
  write_finish (&w);
  return r;
}

/* ---- requests of clients ------------------------------------------------ */

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
  const uint64_t since = base_monotonic_ns ();
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
    r = io_write_long (h, buf, len, off, &txn);
  if (r == 0 && ((flags & VDEV_FUA) || journal_is_long (p)))
    r = journal_to (p, txn);
  fill_say (p);
  stats_timed (h->v, POOL_LATENCY_WRITE, since, len, r);
  io_exit (h);
  return r;
}
