/* SPDX-License-Identifier: BSD-3-Clause
 *
 * unmap: trim and zero.
 *
 * Whole blocks become holes in the map, leaf by leaf, in steps small enough
 * that each can be admitted on a full pool; a step takes no data place, and
 * copies of shared nodes were set aside when they were shared.  So a trim
 * always succeeds.  Partly covered blocks at the two ends are merged like
 * any sub-block write.
 *
 * Holes read as zero, so both requests do the same, and zero is always fast.
 */

#include <config.h>

#include "pool-internal.h"
#include "io-internal.h"

#define STEP_LEAVES 64

/* What unmapping [BLOCK, BLOCK + N) may dirty: interior nodes, and the two
 * leaves at the ends; leaves in between go as a whole.
 */
static uint64_t
dirty_nodes (const struct volume *v, uint64_t block, uint64_t n)
{
  const struct pool *p = v->pool;
  const uint64_t leaves = ((block + n - 1) >> p->fan_shift)
    - (block >> p->fan_shift) + 1;

  return tree_path_nodes (p, v->levels, block, n) - leaves
    + BASE_MIN (leaves, 2);
}

/* From *BLOCK on, at most to END. */
static int
unmap_step (struct handle *h, uint64_t *block, uint64_t end, uint64_t *txn)
{
  struct volume *v = h->v;
  struct pool *p = v->pool;
  const uint64_t step = (uint64_t) STEP_LEAVES << p->fan_shift;
  struct charge charge = { 0 };
  struct reader reader;
  uint64_t n, joined = 0;
  bool hole;
  int64_t found;
  int r;

  reader = reader_enter (p);
  found = tree_lookup (v, *block, end - *block, NULL, UINT64_MAX,
                       &hole);
  reader_exit (p, reader);
  if (found < 0)
    return (int) found;
  if (hole) {
    *block += (uint64_t) found;
    return 0;
  }

  n = BASE_MIN (end - *block, step - *block % step);
  charge.dirty = dirty_nodes (v, *block, n);
  r = space_admit (p, &charge, h, false);
  if (r < 0)
    return r;
  reader = reader_enter (p);
  r = publish_unmap (v, h, *block, n, &charge, &joined);
  reader_exit (p, reader);
  *txn = BASE_MAX (*txn, joined);
  *block += n;
  return r;
}

/* The partly covered blocks of [OFF, END), whose whole blocks are [FIRST,
 * LAST).  What may be refused comes first, at once or not at all.
 */
static int
zero_edges (struct handle *h, uint64_t off, uint64_t end, uint64_t first,
            uint64_t last, uint64_t *txn)
{
  const uint64_t bs = h->pool->block_size;
  const bool head = off < first * bs, tail = end > last * bs;

  if (head && tail)
    return io_zero_ends (h, off, first * bs, last * bs, end, txn);
  if (head)
    return io_write_range (h, NULL, first * bs - off, off, txn);
  if (tail)
    return io_write_range (h, NULL, end - last * bs, last * bs, txn);
  return 0;
}

static int
unmap_range (struct handle *h, uint64_t len, uint64_t off, uint64_t *txn)
{
  const uint64_t bs = h->pool->block_size;
  const uint64_t size = vdev_size (&h->d);
  const uint64_t end = off + len;
  const uint64_t first = base_div_up (off, bs);
  const uint64_t last = end == size ? base_div_up (end, bs) : end / bs;
  uint64_t block;
  int r;

  /* Inside one block, or few: merged, admitted and published as one. */
  if (first > last || (first == last && first * bs > end)
      || ((off < first * bs || end > last * bs)
          && last - first + 2 <= h->pool->space.max_blocks))
    return io_write_range (h, NULL, len, off, txn);
  r = zero_edges (h, off, end, first, last, txn);
  for (block = first; block < last && r == 0;)
    r = unmap_step (h, &block, last, txn);
  return r;
}

static int
unmap (struct handle *h, uint64_t len, uint64_t off, uint32_t flags,
       void (*count) (struct volume *v, int r))
{
  struct pool *p = h->pool;
  const bool ends = off % p->block_size != 0
    && (off + len) % p->block_size != 0;
  uint64_t txn = 0;
  int r;

  r = io_enter (h);
  if (r < 0)
    return r;
  /* A snapshot between the two ends would make the second one growth. */
  if (ends)
    base_rwlock_rdlock (&p->long_requests);
  base_rwlock_rdlock (&p->hole_makers);
  r = unmap_range (h, len, off, &txn);
  base_rwlock_unlock (&p->hole_makers);
  if (ends)
    base_rwlock_unlock (&p->long_requests);
  if (r == 0 && (flags & VDEV_FUA)) {
    /* Nothing of ours, but what made it a hole may not be durable yet. */
    if (txn == 0)
      txn = journal_target (p);
    r = journal_to (p, txn);
  }
  fill_say (p);
  count (h->v, r);
  io_exit (h);
  return r;
}

int
io_trim (struct vdev *d, uint64_t len, uint64_t off, uint32_t flags)
{
  return unmap ((struct handle *) d, len, off, flags, stats_trim);
}

int
io_zero (struct vdev *d, uint64_t len, uint64_t off, uint32_t flags)
{
  /* VDEV_ALLOCATE asks for more than a thin volume can give. */
  if (flags & VDEV_ALLOCATE)
    return base_fail (EOPNOTSUPP, "%s: a volume is thin: zeroes cannot be "
                      "allocated", ((struct handle *) d)->v->label);
  return unmap ((struct handle *) d, len, off, flags, stats_zero);
}
