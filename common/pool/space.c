/* SPDX-License-Identifier: BSD-3-Clause
 *
 * space: the promise of ENOSPC.
 *
 * A request is admitted whole, before anything changes, or refused whole.
 * Afterwards neither it nor any commit can fail for want of space.  Two
 * questions are kept apart:
 *
 * Is there room for good?  `available` is what would be free if everything
 * in flight were finished and committed, less what is promised:
 *
 *     free      may be allocated now, or taken by a commit and not yet used
 *   + pending   comes back with a transaction or a checkpoint, or when its
 *               last reader is gone
 *   + neutral   in flight, each replaces an exclusive block
 *   - owed      new nodes, and copies of shared ones, still to be written
 *   - shared    copies that writes, trims and zeroes of shared maps may
 *               still force: one per node that may be shared
 *   - reserve   what a commit needs while the old and the new state both
 *               stand on disk, and the recycle floor
 *
 * Only growth (data where there was none, or where the old block stays for a
 * snapshot, and new nodes) is charged against it.  An overwrite of an
 * exclusive block is neutral, and copies of shared nodes were set aside when
 * the snapshot was taken: so overwrites, trims and deletes work on a full
 * pool, and taking a snapshot is what may be refused.
 *
 * Is there room right now?  Neither data nor discarding may eat the blocks
 * that commits need (the floor): `owed`, `shared` and the reserve without the
 * recycle floor.  It is not what one commit needs but what all can that come
 * before more data does: each takes places for nodes for good, and returns
 * the places of those it moved only when it is durable.  Who finds too little
 * free waits for a commit, of the journal or of the trees, first come first
 * served; since `available` is not negative a few always bring it.  The
 * recycle floor, two of the longest requests, is the working capital for this.
 *
 * Data also waits while it has run too far ahead of a verb's commit, or of one
 * that reaps: until that one has ended, which depends on no request.
 *
 * The reserve for reference counts, bitmaps and records is static: room for
 * all of these trees once more than they have now, bounded for the counts by
 * the slabs that are backed.  It costs 0.2 % of the capacity, and it makes
 * the accounting of a request independent of how scattered its blocks are.
 */

#include <config.h>

#include <stdlib.h>

#include "pool-internal.h"

#define MIN_DIRTY 12            /* two paths in a map of six levels */
#define MAX_DIRTY 4096
#define MAX_REQUEST (UINT64_C (32) << 20)
#define MIN_CAPITAL (UINT64_C (256) << 20)
#define MAX_CAPITAL (UINT64_C (2) << 30)
#define UNUSED_NS (UINT64_C (60) * 1000000000)
#define RUN_AHEAD (UINT64_C (2) << 20)  /* of a verb's commit */

/* A request that waits for space, on its thread's stack.  Everything:
 * space.lock.
 */
struct space_waiter {
  struct space_waiter *next;
  struct charge *charge;
  struct handle *handle;        /* may be NULL */
  bool admitted;                /* by another, and out of the queue */
  struct base_cond turn;        /* it is first now; admitted; poison; shut */
};

/* By the capacity.  They grow by less than the capacity does, so that a full
 * pool that grows stays on the right side of its reserve.
 */
void
space_limits (struct pool *p)
{
  struct space *s = &p->space;
  const uint64_t n = pool_blocks (p);

  s->max_dirty = BASE_MIN (BASE_MAX (n / 64, MIN_DIRTY), MAX_DIRTY);
  s->max_blocks = BASE_MIN (BASE_MAX (n / 64, 2),
                            MAX_REQUEST / p->block_size);
  s->max_capital = BASE_MIN (n / 2, MAX_CAPITAL / p->block_size);
  s->min_capital = BASE_MIN (n / 8, MIN_CAPITAL / p->block_size);
  s->capital = BASE_MAX (s->capital, s->min_capital);
}

void
space_init (struct pool *p)
{
  base_mutex_init (&p->space.lock);
  base_cond_init (&p->space.changed);
}

void
space_free (struct pool *p)
{
  base_mutex_destroy (&p->space.lock);
  base_cond_destroy (&p->space.changed);
}

/* Nodes of the reference tree that may come to be while SLABS are backed: one
 * leaf for each piece of a slab, and the interior ones.
 */
static uint64_t
refs_max_nodes (struct pool *p, uint64_t slabs)
{
  const struct systree *t = &p->refs_tree;
  const uint64_t per_slab = base_div_up (p->slab_blocks, t->items);
  const uint64_t all = systree_max_nodes (t);
  const uint64_t interior = all - t->count[0];

  return BASE_MIN (t->count[0], slabs * per_slab) + interior;
}

static uint64_t
sys_max_nodes (struct pool *p, uint64_t slabs)
{
  return systree_max_nodes (&p->space_tree) + refs_max_nodes (p, slabs)
    + systree_max_nodes (&p->backed_tree)
    + systree_max_nodes (&p->table_tree);
}

/* What the reserve holds back for commits alone. */
static uint64_t
commits_reserve_locked (struct pool *p, uint64_t slabs)
{
  const uint64_t existing = p->space_tree.existing + p->refs_tree.existing
    + p->backed_tree.existing + p->table_tree.existing;

  return p->space.max_dirty + 2 * sys_max_nodes (p, slabs) - existing;
}

/* Free blocks that must be left for commits. */
uint64_t
space_floor_locked (struct pool *p)
{
  const struct space *s = &p->space;

  return s->owed + s->shared + commits_reserve_locked (p, s->backed_slabs);
}

uint64_t
space_reserve_locked (struct pool *p, uint64_t slabs)
{
  return commits_reserve_locked (p, slabs) + 2 * p->space.max_blocks;
}

int64_t
space_available_locked (struct pool *p)
{
  const struct space *s = &p->space;

  return (int64_t) (s->free + s->window + s->pending + s->neutral
                    + BASE_MAX (s->frozen_estimate, s->frozen_actual))
    - (int64_t) (s->owed + s->shared
                 + space_reserve_locked (p, s->backed_slabs));
}

static int
space_refuse (struct pool *p)
{
  return base_fail (ENOSPC, "no space in the pool%s",
                    atomic_load (&p->below_full)
                    ? ": the file system or device below has none left; free "
                    "some there" : "; remove volumes or snapshots, or grow it");
}

/* ---- admission ----------------------------------------------------------- */

/* 0, -ENOSPC: no room for good, -EAGAIN: not right now. */
static int
try_locked (struct pool *p, struct charge *c)
{
  struct space *s = &p->space;
  const uint64_t need = c->growth + c->nodes;
  const uint64_t credit = c->credit ? BASE_MIN (need, c->credit->left) : 0;
  int r;

  if (need > credit
      && space_available_locked (p) < (int64_t) (need - credit))
    return -ENOSPC;
  if (s->dirty + s->dirty_held + c->dirty > s->max_dirty)
    return -EAGAIN;
  if (c->data > 0) {
    const uint64_t wanted
      = space_floor_locked (p) + c->data + c->nodes - credit;

    if (s->free < wanted)
      limbo_drain_locked (p);
    if (s->free < wanted)
      return -EAGAIN;
    r = places_take_locked (p, c->data, &c->places);
    if (r < 0) {
      size_t i;
      uint64_t j;

      for (i = 0; i < c->places.len; ++i)
        for (j = 0; j < c->places.ptr[i].count; ++j)
          places_give_locked (p, c->places.ptr[i].place + j);
      c->places.len = 0;
      return r;
    }
  }
  s->neutral += c->data - c->growth;
  s->owed += c->nodes - credit;
  c->drawn = credit;
  s->aside -= credit;
  if (c->credit)
    c->credit->left -= credit;
  s->dirty_held += c->dirty;
  s->ahead += c->data;
  c->held = true;
  return 0;
}

/* What is written while a commit runs, the next one has to flush.  A verb
 * waits for both, so during its commit writers may not run far ahead.
 */
static bool
ahead_locked (const struct pool *p, const struct charge *c)
{
  const struct space *s = &p->space;

  return s->urgent && c->data > 0 && s->ahead > 0
    && s->ahead + c->data > RUN_AHEAD / p->block_size;
}

/* As try_locked, for requests that may wait. */
static int
admit_locked (struct pool *p, struct charge *c)
{
  return ahead_locked (p, c) ? -EAGAIN : try_locked (p, c);
}

/* For another one.  Who has to be told of poison or of the end of his
 * connection finds out himself.
 */
static bool
admit_waiter_locked (struct pool *p, struct space_waiter *w)
{
  if (pool_poisoned (p) < 0 || (w->handle && atomic_load (&w->handle->shut)))
    return false;
  w->admitted = admit_locked (p, w->charge) == 0;
  return w->admitted;
}

/* C had to wait for places.  If more slabs can be backed, more free blocks are
 * kept from now on.
 */
static void
widen_capital_locked (struct pool *p, const struct charge *c)
{
  struct space *s = &p->space;

  if (s->dirty + s->dirty_held + c->dirty > s->max_dirty)
    return;
  s->capital = BASE_MIN (2 * s->capital, s->max_capital);
  s->last_used = base_monotonic_ns ();
}

/* ... and fewer when half of them were not needed for a while. */
uint64_t
space_capital_locked (struct pool *p)
{
  struct space *s = &p->space;
  const uint64_t now = base_monotonic_ns ();

  if (s->capital > s->min_capital && now - s->last_used > UNUSED_NS) {
    s->capital = BASE_MAX (s->capital / 2, s->min_capital);
    s->last_used = now;
  }
  return s->capital;
}

/* Overwrites need free blocks to go on while a commit brings the old ones
 * back: the more there are, the fewer commits.
 */
bool
space_low_locked (struct pool *p, uint64_t capital)
{
  const struct space *s = &p->space;

  return s->backed_slabs < pool_slabs (p)
    && s->free + s->pending < space_floor_locked (p) + capital;
}

int
space_set_aside (struct pool *p, uint64_t growth, struct credit *credit)
{
  LOCK_FOR_SCOPE (&p->space.lock);

  if (growth > 0 && space_available_locked (p) < (int64_t) growth)
    return space_refuse (p);
  p->space.owed += growth;
  p->space.aside += growth;
  credit->left = growth;
  return 0;
}

void
space_return_credit (struct pool *p, struct credit *credit)
{
  LOCK_FOR_SCOPE (&p->space.lock);

  p->space.owed -= credit->left;
  p->space.aside -= credit->left;
  credit->left = 0;
}

/* Something has come that everybody who waits for space must see. */
void
space_wake_all (struct pool *p)
{
  struct space *s = &p->space;
  struct space_waiter *w;
  LOCK_FOR_SCOPE (&s->lock);

  for (w = s->first; w; w = w->next)
    base_cond_signal (&w->turn);
  base_cond_broadcast (&s->changed);
}

/* One round of waiting for space, of who is first in the queue or asks for it
 * outside; space.lock is held on entry and exit.  PLACES: it is places that
 * are missing, and the journal may bring some.
 */
static int
wait_locked (struct pool *p, bool places)
{
  struct space *s = &p->space;
  uint64_t target;
  int r;

  base_mutex_unlock (&s->lock);
  if (places) {
    r = journal_push (p);
    if (r != 0) {
      base_mutex_lock (&s->lock);
      return BASE_MIN (r, 0);
    }
  }
  target = commit_target (p);
  base_mutex_lock (&p->commit.lock);
  if (p->commit.durable < target) {
    base_mutex_unlock (&p->commit.lock);
    r = commit_to (p, target);
    base_mutex_lock (&s->lock);
    return r;
  }
  base_mutex_unlock (&p->commit.lock);
  base_mutex_lock (&s->lock);
  if (atomic_load (&p->open_dirty))
    return 0;
  /* Nothing to commit: others in flight or readers hold it. */
  atomic_fetch_add (&p->limbo_waiters, 1);
  limbo_drain_locked (p);
  base_cond_timedwait (&s->changed, &s->lock, 100);
  atomic_fetch_sub (&p->limbo_waiters, 1);
  return 0;
}

/* Who leaves admits on behalf of those behind him as far as it goes.  Were
 * the turn only handed on, a queue would be served no faster than threads are
 * switched, and once it stands it would never be empty again.  Who can not be
 * admitted now is woken as the first, and nobody else is.
 */
static void
leave_queue_locked (struct pool *p, struct space_waiter *me)
{
  struct space *s = &p->space;
  struct space_waiter **wp = &s->first, *before = NULL, *w;

  while (*wp != me) {
    before = *wp;
    wp = &before->next;
  }
  *wp = me->next;
  if (s->last == me)
    s->last = before;
  for (w = s->first; w && admit_waiter_locked (p, w); w = s->first) {
    s->first = w->next;
    base_cond_signal (&w->turn);
  }
  if (s->first)
    base_cond_signal (&s->first->turn);
  else
    s->last = NULL;
}

/* Nothing is in flight that could bring a block. */
static bool
nothing_to_come_locked (struct pool *p)
{
  const struct space *s = &p->space;

  return s->pending == 0 && s->neutral == 0 && s->dirty == 0
    && s->dirty_held == 0 && s->window == 0 && s->limbo == NULL
    && s->frozen_estimate == 0 && s->frozen_actual == 0
    && !atomic_load (&p->open_dirty);
}

/* Free blocks are few and more slabs could be backed; or fewer than the floor
 * wants and none will come (a pool that was left with less reserve than this
 * release keeps): then more slabs help, or nothing does.
 */
static int
beyond_waiting_locked (struct pool *p, uint64_t wanted)
{
  int r;

  base_mutex_unlock (&p->space.lock);
  r = backing_grow (p, wanted);
  base_mutex_lock (&p->space.lock);
  return r == -ENOSPC ? space_refuse (p) : r;
}

int
space_wait (struct pool *p)
{
  LOCK_FOR_SCOPE (&p->space.lock);

  limbo_drain_locked (p);
  if (nothing_to_come_locked (p))
    return beyond_waiting_locked (p, 1);
  return wait_locked (p, true);
}

static int
wait_turn_locked (struct pool *p, struct charge *c, struct handle *h)
{
  struct space *s = &p->space;
  struct space_waiter me = { .charge = c, .handle = h };
  int r;

  base_cond_init (&me.turn);
  if (s->last)
    s->last->next = &me;
  else
    s->first = &me;
  s->last = &me;
  s->waits++;

  while (!me.admitted) {
    r = pool_poisoned (p);
    if (r < 0) {
      r = base_fail (EIO, "poisoned after an earlier error");
      break;
    }
    if (h && atomic_load (&h->shut)) {
      r = base_fail (ESHUTDOWN, "connection ended");
      break;
    }
    if (s->first != &me) {
      base_cond_wait (&me.turn, &s->lock);
      continue;
    }
    if (ahead_locked (p, c)) {
      base_cond_timedwait (&s->changed, &s->lock, 100);
      continue;
    }
    r = try_locked (p, c);
    if (r != -EAGAIN)
      break;
    widen_capital_locked (p, c);
    if (nothing_to_come_locked (p) || space_low_locked (p, s->capital)) {
      r = beyond_waiting_locked (p, c->data);
      if (r == 0)
        continue;
      if (r != -ENOSPC || nothing_to_come_locked (p))
        break;
    }
    r = wait_locked (p, s->dirty + s->dirty_held + c->dirty <= s->max_dirty);
    if (r < 0)
      break;
  }
  if (me.admitted)
    r = 0;
  else
    leave_queue_locked (p, &me);
  base_cond_destroy (&me.turn);
  return r;
}

int
space_admit (struct pool *p, struct charge *c, struct handle *h, bool nowait)
{
  struct space *s = &p->space;
  bool was_full, wake = false;
  int r;

  assert (c->dirty <= s->max_dirty);
  if (pool_poisoned (p) < 0)
    return base_fail (EIO, "poisoned after an earlier error");

  base_mutex_lock (&s->lock);
  if (nowait)
    r = try_locked (p, c);
  else if (s->first)
    r = wait_turn_locked (p, c, h);
  else {
    r = admit_locked (p, c);
    if (r == -EAGAIN)
      r = wait_turn_locked (p, c, h);
  }
  was_full = s->full;
  if (r == 0 && c->growth > 0)
    s->full = false;
  if (s->capital > s->min_capital
      && s->free < space_floor_locked (p) + s->capital / 2)
    s->last_used = base_monotonic_ns ();
  if (space_low_locked (p, s->capital / 2)) {
    s->last_low = base_monotonic_ns ();
    wake = !s->low && p->worker_started;
    s->low = true;
  }
  base_mutex_unlock (&s->lock);

  if (wake)
    pool_wake (p);
  if (r == 0 && was_full && c->growth > 0)
    event_log (p, POOL_EVENT_NOT_FULL, "", "no longer full");
  if (r == -ENOSPC)
    space_refuse (p);
  return r;
}

void
space_release (struct pool *p, struct charge *c)
{
  struct space *s = &p->space;
  size_t i;
  uint64_t j;

  if (!c->held)
    return;
  base_mutex_lock (&s->lock);
  for (i = 0; i < c->places.len; ++i)
    for (j = 0; j < c->places.ptr[i].count; ++j)
      places_give_locked (p, c->places.ptr[i].place + j);
  c->places.len = 0;
  s->neutral -= c->data - c->growth;
  s->owed -= c->nodes - c->drawn;
  if (c->credit)
    c->credit->left += c->drawn;
  s->dirty_held -= c->dirty;
  s->aside += c->drawn;
  c->held = false;
  if (s->first)
    base_cond_broadcast (&s->changed);
  base_mutex_unlock (&s->lock);
}

/* ---- when it does not fit ------------------------------------------------ */

static int64_t
available (struct pool *p)
{
  LOCK_FOR_SCOPE (&p->space.lock);
  return space_available_locked (p);
}

int
space_make_room (struct pool *p, uint64_t wanted)
{
  struct space *s = &p->space;
  const int64_t before = available (p);
  bool maybe, was_full;
  int r;

  if (before >= (int64_t) wanted)
    return 1;
  if (backing_grow (p, wanted) == 0)
    return 0;

  /* Blocks that were replaced but may be shared are sorted out by a commit,
   * and removed volumes come back step by step.
   */
  base_mutex_lock (&s->lock);
  maybe = s->open_maybe > 0 || s->owed > 0;
  base_mutex_unlock (&s->lock);
  if (maybe) {
    r = commit_to (p, commit_target (p));
    if (r < 0)
      return r;
    if (available (p) > before)
      return 0;
  }
  while (atomic_load (&p->orphans) > 0) {
    r = commit_hold (p);
    if (r < 0)
      return r;
    r = commit_run (p, NULL, true);
    commit_release (p);
    if (r < 0)
      return r;
    if (available (p) >= (int64_t) wanted)
      return 0;
  }
  if (available (p) > before)
    return 0;

  base_mutex_lock (&s->lock);
  was_full = s->full;
  s->full = true;
  base_mutex_unlock (&s->lock);
  if (!was_full)
    event_log (p, POOL_EVENT_FULL, "", "%s", atomic_load (&p->below_full)
               ? "full: the file system or device below the pool has no space "
               "left; free some there, or remove volumes or snapshots"
               : "full: no space for new data; remove volumes or snapshots, "
               "or grow the pool");
  return space_refuse (p);
}
