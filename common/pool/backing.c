/* SPDX-License-Identifier: BSD-3-Clause
 *
 * backing: which slabs are really there below.
 *
 * A pool's file is sparse.  A block counts as free only when its slab is
 * backed: allocated below (fallocate) and flushed, so that no write of data
 * and no commit can fail because the host's disk is full.  Slabs are backed a
 * few at a time when a request would not fit otherwise.  When nothing more is
 * to be had below, the pool is full at the size it has.
 *
 * A slab that is wholly free goes back the other way: it leaves what may be
 * allocated, a commit makes the cleared bit durable, and only then it is
 * punched.  It returns after ALLOCATE and a flush.  A cushion, and all that
 * the reserve needs, is never punched; the cushion is larger while overwrites
 * go on, which need free blocks to work with between two commits.
 *
 * back_lock keeps the two apart; it is taken before the commit hold.
 */

#include <config.h>

#include "pool-internal.h"

#define BATCH 16                /* slabs backed at once, in large pools */
#define PUNCH_BATCH 64
#define CUSHION 8               /* free slabs that are kept, in large pools */
#define LATELY_NS (UINT64_C (10) * 1000000000)

int
backing_sync (struct pool *p)
{
  atomic_fetch_add (&p->totals.syncs, 1);
  return vdev_flush (p->backing);
}

/* Call FN for the parts of SLAB that hold no fixed block. */
static int
for_each_part (struct pool *p, uint64_t slab,
               int (*fn) (struct pool *p, uint64_t place, uint64_t n))
{
  const uint64_t end = (slab + 1) * p->slab_blocks;
  uint64_t i = slab * p->slab_blocks, first;
  int r;

  while (i < end) {
    if (format_is_fixed (&p->super, i)) {
      i++;
      continue;
    }
    for (first = i; i < end && !format_is_fixed (&p->super, i); ++i)
      ;
    r = fn (p, first, i - first);
    if (r < 0)
      return r;
  }
  return 0;
}

static int
allocate_part (struct pool *p, uint64_t place, uint64_t n)
{
  return vdev_zero (p->backing, n * p->block_size, place * p->block_size,
                    VDEV_ALLOCATE);
}

static int
punch_part (struct pool *p, uint64_t place, uint64_t n)
{
  return vdev_trim (p->backing, n * p->block_size, place * p->block_size, 0);
}

/* The first slab at or after FROM that is not backed; the number of slabs if
 * there is none.
 */
static uint64_t
next_unbacked (struct pool *p, uint64_t from)
{
  LOCK_FOR_SCOPE (&p->space.lock);

  while (from < pool_slabs (p) && bit_get (p->backing_bits, from))
    from++;
  return from;
}

int
backing_grow (struct pool *p, uint64_t wanted)
{
  const uint64_t slabs = pool_slabs (p);
  const uint64_t batch
    = BASE_MAX (base_div_up (wanted, p->slab_blocks),
                BASE_MIN (BASE_MAX (slabs / 16, 1), BATCH));
  struct space *s = &p->space;
  CLEANUP_PLACES struct place_vector done = { 0 };
  uint64_t slab;
  size_t i;
  int r = 0;
  LOCK_FOR_SCOPE (&p->back_lock);

  for (slab = next_unbacked (p, 0); slab < slabs && done.len < batch;
       slab = next_unbacked (p, slab + 1)) {
    r = place_vector_reserve (&done, 1);
    if (r == 0)
      r = for_each_part (p, slab, allocate_part);
    if (r < 0)
      break;
    done.ptr[done.len++] = slab;
  }
  atomic_store (&p->below_full, r == -ENOSPC);
  if (done.len == 0)
    return r < 0 && r != -ENOSPC
      ? r : base_fail (ENOSPC, "no space left below the pool");

  r = backing_sync (p);
  if (r < 0)
    return commit_poison (p, -r, "flush failed");
  base_mutex_lock (&s->lock);
  for (i = 0; i < done.len; ++i) {
    places_add_slab_locked (p, done.ptr[i], true);
    bit_set (p->backing_bits, done.ptr[i]);
  }
  s->backed_changed = true;
  base_cond_broadcast (&s->changed);
  base_mutex_unlock (&s->lock);
  return 0;
}

/* Some slabs ahead of need, so that no request waits for it.  1 = did some. */
int
backing_ahead (struct pool *p)
{
  struct space *s = &p->space;
  bool low;
  int r = 0;

  base_mutex_lock (&s->lock);
  low = s->low && space_low_locked (p, s->capital);
  s->low = low;
  base_mutex_unlock (&s->lock);
  if (low)
    r = backing_grow (p, p->slab_blocks);
  if (r == 0)
    return low;
  base_mutex_lock (&s->lock);
  s->low = false;
  base_mutex_unlock (&s->lock);
  return r == -ENOSPC ? 0 : r;
}

/* Free blocks that stay backed: what overwrites have needed lately. */
static int64_t
cushion_locked (struct pool *p)
{
  const struct space *s = &p->space;
  const uint64_t slabs = BASE_MIN (BASE_MAX (pool_slabs (p) / 8, 1), CUSHION);
  const uint64_t capital = space_capital_locked (p);

  if (capital > s->min_capital
      || (s->last_low > 0 && base_monotonic_ns () - s->last_low < LATELY_NS))
    return (int64_t) BASE_MAX (capital, slabs * p->slab_blocks);
  return (int64_t) (slabs * p->slab_blocks);
}

/* Take wholly free slabs out of what may be allocated. */
static int
choose_slabs (struct pool *p, struct place_vector *slabs)
{
  struct space *s = &p->space;
  int64_t cushion;
  uint64_t i;
  int r;
  LOCK_FOR_SCOPE (&s->lock);

  cushion = cushion_locked (p);
  if (s->empty_slabs == 0
      || space_available_locked (p) < cushion + (int64_t) p->slab_blocks)
    return 0;
  r = place_vector_reserve (slabs, PUNCH_BATCH);
  if (r < 0)
    return r;
  /* From the end: the pool's used part stays together. */
  for (i = pool_slabs (p); i-- > 0 && slabs->len < PUNCH_BATCH;) {
    if (s->slab_free[i] == 0 || s->slab_free[i] != s->slab_usable[i])
      continue;
    if (space_available_locked (p) < cushion + (int64_t) s->slab_free[i]
        || s->free < space_floor_locked (p) + s->slab_free[i])
      break;
    places_remove_slab_locked (p, i);
    bit_clear (p->backing_bits, i);
    slabs->ptr[slabs->len++] = i;
  }
  if (slabs->len > 0)
    s->backed_changed = true;
  return 0;
}

int
backing_punch (struct pool *p)
{
  CLEANUP_PLACES struct place_vector slabs = { 0 };
  size_t i;
  int r;
  LOCK_FOR_SCOPE (&p->back_lock);

  if (p->options.discard_never || !vdev_has (p->backing, VDEV_TRIM))
    return 0;
  r = choose_slabs (p, &slabs);
  if (r < 0 || slabs.len == 0)
    return r;
  r = commit_hold (p);
  if (r < 0)
    return r;
  r = commit_run (p, NULL, false);
  commit_release (p);
  if (r < 0)
    return r;
  for (i = 0; i < slabs.len && r == 0; ++i)
    r = for_each_part (p, slabs.ptr[i], punch_part);
  if (r < 0)
    event_log (p, POOL_EVENT_BACKING, "", "giving back free space failed: "
               "%s; it stays allocated below", base_error_text ());
  return 1;
}

static int64_t
available (struct pool *p)
{
  LOCK_FOR_SCOPE (&p->space.lock);
  return space_available_locked (p);
}

/* Slabs for the reserve. */
int
backing_reserve (struct pool *p)
{
  int r = 0;

  while (r == 0 && available (p) < 0)
    r = backing_grow (p, (uint64_t) -available (p));
  return r;
}
