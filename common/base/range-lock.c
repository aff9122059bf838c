/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A lock on byte ranges.
 *
 * All holders and waiters stand in one list in order of arrival.  A node may
 * go on when no earlier node that overlaps it is in conflict with it (one of
 * the two exclusive), whether that one holds or still waits; so nobody is
 * overtaken by a conflicting newcomer and nobody starves.  Whoever leaves
 * wakes all waiters, and each looks again.
 *
 * A list and not a tree: it holds one node per request in flight, a few
 * dozen, and the lock is taken for unaligned edges only.
 */

#include <config.h>

#include "base.h"

void
base_range_lock_init (struct base_range_lock *l)
{
  base_mutex_init (&l->mutex);
  base_cond_init (&l->changed);
  l->first = l->last = NULL;
}

void
base_range_lock_destroy (struct base_range_lock *l)
{
  assert (l->first == NULL);
  base_cond_destroy (&l->changed);
  base_mutex_destroy (&l->mutex);
}

static bool
conflict (const struct base_range *a, const struct base_range *b)
{
  if (!a->exclusive && !b->exclusive)
    return false;
  if (a->offset < b->offset)
    return b->offset - a->offset < a->length;
  return a->offset - b->offset < b->length;
}

static bool
must_wait (const struct base_range_lock *l, const struct base_range *r)
{
  const struct base_range *p;

  for (p = l->first; p != r; p = p->next) {
    if (conflict (p, r))
      return true;
  }
  return false;
}

void
base_range_lock_acquire (struct base_range_lock *l, struct base_range *r,
                         uint64_t offset, uint64_t length, bool exclusive)
{
  r->offset = offset;
  r->length = length;
  r->exclusive = exclusive;
  r->held = false;
  r->next = NULL;
  if (length == 0) {
    r->held = true;
    return;
  }

  LOCK_FOR_SCOPE (&l->mutex);
  if (l->last)
    l->last->next = r;
  else
    l->first = r;
  l->last = r;
  while (must_wait (l, r))
    base_cond_wait (&l->changed, &l->mutex);
  r->held = true;
}

void
base_range_lock_release (struct base_range_lock *l, struct base_range *r)
{
  struct base_range **pp, *before = NULL;

  assert (r->held);
  r->held = false;
  if (r->length == 0)
    return;

  LOCK_FOR_SCOPE (&l->mutex);
  for (pp = &l->first; *pp != r; pp = &(*pp)->next)
    before = *pp;
  *pp = r->next;
  if (l->last == r)
    l->last = before;
  if (l->first)
    base_cond_broadcast (&l->changed);
}
