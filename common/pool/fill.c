/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fill: says that the pool gets full while there is still time to do
 * something about it.
 *
 * How full it is, is a share of what clients can ever use:
 *
 *     the capacity - superblocks, journal and other fixed blocks
 *                  - the pool's own trees and the reserve (space.c)
 *
 * which depends on the capacity alone, so that an empty pool is at 0 % and one
 * that refuses the next new block at 100 %.  Taken is what is not available:
 * data, the maps, what snapshots may still make of them, and what removed
 * volumes have not given back yet.  What a long request has set aside, and
 * may well return, is not.  Both are turned into bytes of data as `info`
 * shows them, so (usable - available) / usable is the same figure.
 *
 * A threshold is reached at so many percent, and said once.  It can be reached
 * again only after the pool was HYSTERESIS points below it: a pool that stays
 * close to a threshold would be reported with every write and trim.  Of
 * several that are reached or left in one step only the outermost is said.  A
 * pool that is opened above a threshold has reached it then.
 *
 * A request looks at no more than two bounds, which it compares under a lock
 * that it holds anyway; who crosses one notes it, and says it when it holds no
 * lock any more.  fill.lock keeps what is said in the order in which it
 * happened.  Events are all that comes from here: to run a command is for who
 * opened the pool, and not for this thread.
 */

#include <config.h>

#include "pool-internal.h"

#define HYSTERESIS 2            /* points */

const unsigned pool_fill_thresholds[POOL_FILL_THRESHOLDS] = { 80, 90, 95, 99 };

/* ---- figures ------------------------------------------------------------- */

/* Data blocks that fit into N blocks: there is a leaf for each fan-out. */
static uint64_t
data_in (const struct pool *p, int64_t n)
{
  const uint64_t all = (uint64_t) BASE_MAX (n, 0);

  return all / (p->fan + 1) * p->fan + all % (p->fan + 1);
}

/* The most and the least N for which that is DATA; DATA > 0 for the least. */
static int64_t
most_with (const struct pool *p, uint64_t data)
{
  return (int64_t) (data / p->fan * (p->fan + 1) + data % p->fan);
}

static int64_t
least_with (const struct pool *p, uint64_t data)
{
  return most_with (p, data) - (data % p->fan == 0);
}

static uint64_t
existing_locked (const struct pool *p)
{
  return p->space_tree.existing + p->refs_tree.existing
    + p->backed_tree.existing + p->table_tree.existing;
}

/* Blocks that clients can ever use. */
static int64_t
room_locked (struct pool *p)
{
  return (int64_t) (pool_blocks (p) - format_fixed_blocks (&p->super))
    - (int64_t) (space_reserve_locked (p, pool_slabs (p))
                 + existing_locked (p));
}

/* Of these, how many are taken or promised. */
static int64_t
taken_locked (const struct pool *p)
{
  const struct space *s = &p->space;

  return (int64_t) (s->backed_blocks + s->owed + s->shared)
    - (int64_t) (s->free + s->window + s->pending + s->neutral
                 + BASE_MAX (s->frozen_estimate, s->frozen_actual)
                 + existing_locked (p));
}

void
fill_figures_locked (struct pool *p, struct fill_figures *f)
{
  const uint64_t bs = p->block_size;
  const int64_t room = room_locked (p), taken = taken_locked (p);
  const int64_t aside = (int64_t) p->space.aside;
  uint64_t usable = data_in (p, room);
  uint64_t used = usable - data_in (p, room - (taken - aside));

  f->usable = usable * bs;
  f->available = data_in (p, room - taken) * bs;
  f->used = used * bs;
  f->percent = usable > 0 ? (unsigned) (used * 100 / usable) : 100;
}

/* ---- thresholds ---------------------------------------------------------- */

/* How many thresholds are reached, when BEFORE were; those that are new are
 * counted.
 */
static unsigned
reached_locked (struct pool *p, const struct fill_figures *f, unsigned before)
{
  const uint64_t used = f->used / p->block_size;
  const uint64_t usable = f->usable / p->block_size;
  unsigned n = before;

  while (n < POOL_FILL_THRESHOLDS
         && used * 100 >= usable * pool_fill_thresholds[n])
    p->fill.crossed[n++]++;
  if (n > before)
    return n;
  while (n > 0 && usable > 0
         && used * 100 <= usable * (pool_fill_thresholds[n - 1] - HYSTERESIS))
    n--;
  return n;
}

/* Where `taken` has to be for the number of thresholds to change. */
static void
set_bounds_locked (struct pool *p, const struct fill_figures *f)
{
  const uint64_t usable = f->usable / p->block_size;
  const int64_t room = room_locked (p);
  const unsigned n = p->fill.reached;

  p->fill.up = INT64_MAX;
  p->fill.down = INT64_MIN;
  if (n < POOL_FILL_THRESHOLDS)
    p->fill.up = room
      - most_with (p, usable * (100 - pool_fill_thresholds[n]) / 100);
  if (n > 0 && usable > 0)
    p->fill.down = room
      - least_with (p, base_div_up (usable * (100 + HYSTERESIS
                                              - pool_fill_thresholds[n - 1]),
                                    100));
}

void
fill_look_locked (struct pool *p)
{
  const int64_t taken = taken_locked (p) - (int64_t) p->space.aside;

  if (taken >= p->fill.up || taken <= p->fill.down)
    atomic_store (&p->fill.moved, true);
}

/* fill.lock held. */
static void
say (struct pool *p, const struct fill_figures *f, unsigned before,
     unsigned after)
{
  char used[BASE_SIZE_TEXT], usable[BASE_SIZE_TEXT];
  const bool up = after > before;
  const unsigned percent = pool_fill_thresholds[up ? after - 1 : after];

  base_size_text (f->used, used);
  base_size_text (f->usable, usable);
  if (up)
    event_fill (p, POOL_EVENT_FILLING, percent, "%u%% full: of %s that volumes "
                "can use %s are taken; remove volumes or snapshots, or grow "
                "the pool", percent, usable, used);
  else
    event_fill (p, POOL_EVENT_NOT_FILLING, percent, "no longer %u%% full: of "
                "%s that volumes can use %s are taken", percent, usable, used);
}

static void
update_locked (struct pool *p)
{
  struct fill_figures f;
  unsigned before, after;

  atomic_store (&p->fill.moved, false);
  base_mutex_lock (&p->space.lock);
  fill_figures_locked (p, &f);
  before = p->fill.reached;
  after = reached_locked (p, &f, before);
  p->fill.reached = after;
  set_bounds_locked (p, &f);
  base_mutex_unlock (&p->space.lock);
  if (after != before && !p->options.readonly)
    say (p, &f, before, after);
}

/* Recovery commits, too, and what it passes on its way is of no interest. */
void
fill_update (struct pool *p)
{
  LOCK_FOR_SCOPE (&p->fill.lock);

  if (p->fill.opened)
    update_locked (p);
}

void
fill_begin (struct pool *p)
{
  LOCK_FOR_SCOPE (&p->fill.lock);

  p->fill.opened = true;
  update_locked (p);
}

void
fill_say (struct pool *p)
{
  if (atomic_load_explicit (&p->fill.moved, memory_order_relaxed))
    fill_update (p);
}
