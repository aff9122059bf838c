/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The volatile device: what is held, and how it goes down.
 *
 * What is held stands in groups of 64 pages of 4 KiB (256 KiB), found by a
 * hash from the number of the group, in 16 shards with a mutex each.  A page
 * that is held is known whole: a write to part of a page reads the rest from
 * the child first.  Each page says which of its 512-byte sectors the child
 * does not have yet; a page of a trim or zero has no bytes, only that mark.
 * When the child has all sectors of a page the page goes away.
 *
 * Everything that happens to a group, also passing it down, happens under
 * the mutex of its shard, so a late pass cannot overwrite a newer write.
 * Two mutexes of shards are never held together.
 */

#include <config.h>

#include <stdlib.h>

#include "devices-test.h"
#include "volatile-internal.h"

static uint64_t
chance (struct volatile_device *v, uint64_t n)
{
  LOCK_FOR_SCOPE (&v->rng_lock);
  return base_rng_below (&v->rng, n);
}

/* ---- groups --------------------------------------------------------- */

static inline uint64_t
scatter (uint64_t number)
{
  return number * UINT64_C (0x9e3779b97f4a7c15) >> 20;
}

static struct group **
find_slot (struct group **slot, size_t nslots, uint64_t number)
{
  size_t i;

  for (i = scatter (number) & (nslots - 1);
       slot[i] && slot[i]->number != number;
       i = (i + 1) & (nslots - 1))
    ;
  return &slot[i];
}

struct group *
volatile_find_group (struct shard *s, uint64_t number)
{
  return s->nslots ? *find_slot (s->slot, s->nslots, number) : NULL;
}

static int
grow_shard (struct shard *s)
{
  const size_t n = s->nslots ? s->nslots * 2 : 16;
  struct group **slot = base_calloc (n, sizeof *slot);
  size_t i;

  if (slot == NULL)
    return base_fail (ENOMEM, "volatile: out of memory");
  for (i = 0; i < s->nslots; ++i) {
    if (s->slot[i])
      *find_slot (slot, n, s->slot[i]->number) = s->slot[i];
  }
  free (s->slot);
  s->slot = slot;
  s->nslots = n;
  return 0;
}

int
volatile_make_group (struct shard *s, uint64_t number, struct group **ret)
{
  struct group *g = volatile_find_group (s, number);

  if (g == NULL) {
    if (s->used * 2 >= s->nslots && grow_shard (s) < 0)
      return -ENOMEM;
    g = base_calloc (1, sizeof *g);
    if (g == NULL)
      return base_fail (ENOMEM, "volatile: out of memory");
    g->number = number;
    *find_slot (s->slot, s->nslots, number) = g;
    s->used++;
  }
  *ret = g;
  return 0;
}

void
volatile_set_dirty (struct volatile_device *v, struct group *g, unsigned i,
                    uint8_t dirty)
{
  const int more = __builtin_popcount (dirty) -
    __builtin_popcount (g->dirty[i]);

  atomic_fetch_add_explicit (&v->held, (uint64_t) (int64_t) more,
                             memory_order_relaxed);
  g->held += (dirty != 0) - (g->dirty[i] != 0);
  g->dirty[i] = dirty;
  if (dirty == 0) {
    free (g->page[i]);
    g->page[i] = NULL;
  }
}

/* ---- passing down, with the lock of the shard ----------------------- */

size_t
volatile_page_bytes (struct volatile_device *v, uint64_t off)
{
  return (size_t) BASE_MIN (PAGE_SIZE, vdev_size (&v->p.d) - off);
}

/* Pass those sectors of page I down that are dirty and in MASK. */
static int
pass_page (struct volatile_device *v, struct group *g, unsigned i,
           uint8_t mask)
{
  const uint64_t off = g->number * GROUP_SIZE + (uint64_t) i * PAGE_SIZE;
  const size_t end = volatile_page_bytes (v, off);
  const uint8_t todo = g->dirty[i] & mask;
  size_t from, to;
  int r;

  for (from = 0; from < end; from = to) {
    const bool dirty = todo >> (from / SECTOR) & 1;

    to = from;
    while (to < end && (todo >> (to / SECTOR) & 1) == dirty)
      to = BASE_MIN (to + SECTOR, end);
    if (!dirty)
      continue;
    if (g->page[i])
      r = vdev_write (v->p.child, g->page[i] + from, to - from, off + from, 0);
    else
      r = vdev_zero (v->p.child, to - from, off + from, VDEV_MAY_TRIM);
    if (r < 0)
      return r;
  }
  volatile_set_dirty (v, g, i, g->dirty[i] & (uint8_t) ~todo);
  return 0;
}

/* All of group G, beginning anywhere. */
static int
pass_group (struct volatile_device *v, struct group *g)
{
  unsigned i, start = (unsigned) chance (v, GROUP_PAGES);
  int r;

  for (i = 0; g->held > 0 && i < GROUP_PAGES; ++i) {
    r = pass_page (v, g, (start + i) % GROUP_PAGES, ALL_SECTORS);
    if (r < 0)
      return r;
  }
  return 0;
}

/* Some group that holds something, or NULL. */
static struct group *
random_group (struct volatile_device *v, struct shard *s)
{
  size_t i, at;

  if (s->nslots == 0)
    return NULL;
  at = chance (v, s->nslots);
  for (i = 0; i < s->nslots; ++i, at = (at + 1) & (s->nslots - 1)) {
    if (s->slot[at] && s->slot[at]->held > 0)
      return s->slot[at];
  }
  return NULL;
}

/* A random part of a random group of shard S: up to seven pages, each whole
 * or in part.  1: the shard holds nothing.
 */
static int
pass_some (struct volatile_device *v, struct shard *s)
{
  const unsigned start = (unsigned) chance (v, GROUP_PAGES);
  uint64_t left = 1 + chance (v, 7), mask = chance (v, UINT64_MAX);
  struct group *g;
  unsigned i, page;
  int r;

  LOCK_FOR_SCOPE (&s->lock);
  g = random_group (v, s);
  if (g == NULL)
    return 1;
  for (i = 0; left > 0 && i < GROUP_PAGES; ++i) {
    page = (start + i) % GROUP_PAGES;
    if (g->dirty[page] == 0)
      continue;
    r = pass_page (v, g, page,
                   mask & 1 ? ALL_SECTORS : (uint8_t) (mask >> 1));
    if (r < 0)
      return r;
    mask >>= 9;
    left--;
  }
  return 0;
}

int
volatile_pass_early (struct volatile_device *v)
{
  size_t i, first;
  int r = 1;

  if (v->early == 0 || chance (v, 100) >= v->early)
    return 0;
  first = chance (v, SHARDS);
  for (i = 0; r == 1 && i < SHARDS; ++i)
    r = pass_some (v, &v->shard[(first + i) % SHARDS]);
  return r < 0 ? r : 0;
}

int
volatile_list_groups (struct volatile_device *v, struct number_vector *list)
{
  size_t i, j;
  int r;

  for (i = 0; i < SHARDS; ++i) {
    struct shard *s = &v->shard[i];
    LOCK_FOR_SCOPE (&s->lock);

    r = number_vector_reserve (list, s->used);
    if (r < 0)
      return r;
    for (j = 0; j < s->nslots; ++j) {
      if (s->slot[j] && s->slot[j]->held > 0)
        list->ptr[list->len++] = s->slot[j]->number;
    }
  }
  return 0;
}

int
volatile_pass_all (struct volatile_device *v)
{
  struct number_vector list = { 0 };
  struct group *g;
  size_t i, j;
  int r;

  r = volatile_list_groups (v, &list);
  for (i = 0; r == 0 && i < list.len; ++i) {
    struct shard *s;
    uint64_t number;

    j = i + chance (v, list.len - i);
    number = list.ptr[j];
    list.ptr[j] = list.ptr[i];
    s = volatile_shard (v, number);
    LOCK_FOR_SCOPE (&s->lock);
    g = volatile_find_group (s, number);
    r = pass_group (v, g);
  }
  number_vector_reset (&list);
  return r;
}
