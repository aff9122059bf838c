/* SPDX-License-Identifier: BSD-3-Clause
 *
 * places: which blocks may be allocated now, and who may still be reading.
 *
 * The view is a bitmap of all blocks, 1 = may not be allocated: allocated in
 * the durable trees, handed out to a request, let go but not yet for good or
 * still being read, fixed, or in a slab that is not backed.  It is not the
 * space tree: that one says what the durable trees use (durable_bits) and is
 * changed by checkpoints alone.
 *
 * Nodes, and what is reaped, are let go by a checkpoint, once the superblock
 * that no longer reaches them is durable; data by the journal, once the
 * transaction after the one that replaced it is durable.  Both go through
 * limbo: a reader may have looked the place up just before.  Readers register
 * in the current epoch (epoch-based reclamation, Fraser 2004): the epoch
 * advances only when no reader of the one before is left, and what was let go
 * in epoch E is free in epoch E + 2.
 *
 * Next fit over the whole pool keeps what is written together together, and
 * spreads reuse in time.  Large requests look for runs first.
 */

#include <config.h>

#include <stdlib.h>

#include "pool-internal.h"

#define RUN 8                   /* blocks that are worth looking for */
#define LOOK 4096               /* words of the view to look at for them, at
                                 * most; a pool is looked through once */
#define WORDS(n) (base_div_up ((n), 64))

void
places_cleanup (struct place_vector *v)
{
  place_vector_reset (v);
}

/* Blocks of slabs FROM and above that are not fixed.  The capacity is a
 * whole number of slabs.
 */
static void
count_usable (struct pool *p, uint64_t from)
{
  uint32_t *usable = p->space.slab_usable;
  const struct format_super *super = &p->super;
  const uint64_t fixed[] = {
    (uint64_t) FORMAT_SLOT_A >> p->block_shift,
    (uint64_t) FORMAT_SLOT_B >> p->block_shift,
    (uint64_t) FORMAT_OWNER >> p->block_shift,
    le64toh (super->twin_a), le64toh (super->twin_b),
  };
  const uint64_t start = le64toh (super->journal_start);
  const uint64_t end = start + le64toh (super->journal_length);
  uint64_t i;

  for (i = from; i < pool_slabs (p); ++i) {
    const uint64_t a = BASE_MAX (start, i * p->slab_blocks);
    const uint64_t b = BASE_MIN (end, (i + 1) * p->slab_blocks);

    usable[i] = p->slab_blocks - (a < b ? b - a : 0);
  }
  for (i = 0; i < BASE_ARRAY_SIZE (fixed); ++i)
    if (fixed[i] / p->slab_blocks >= from)
      usable[fixed[i] / p->slab_blocks]--;
}

/* Everything taken; slabs are added as they are found to be backed. */
int
places_init (struct pool *p)
{
  struct space *s = &p->space;
  const uint64_t words = WORDS (pool_blocks (p));

  s->view = base_malloc (words * sizeof s->view[0]);
  s->slab_free = base_calloc (pool_slabs (p), sizeof s->slab_free[0]);
  s->slab_usable = base_calloc (pool_slabs (p), sizeof s->slab_usable[0]);
  if (s->view == NULL || s->slab_free == NULL || s->slab_usable == NULL)
    return base_fail (ENOMEM, "out of memory for the map of free space");
  memset (s->view, 0xff, words * sizeof s->view[0]);
  count_usable (p, 0);
  return 0;
}

int
places_resize (struct pool *p, uint64_t old_blocks)
{
  struct space *s = &p->space;
  const uint64_t old_words = WORDS (old_blocks);
  const uint64_t words = WORDS (pool_blocks (p));
  const uint64_t old_slabs = base_div_up (old_blocks, p->slab_blocks);
  uint64_t *view;
  uint32_t *slabs;
  uint64_t i;

  view = base_realloc (s->view, words * sizeof view[0]);
  if (view == NULL)
    return base_fail (ENOMEM, "out of memory for the map of free space");
  s->view = view;
  memset (view + old_words, 0xff, (words - old_words) * sizeof view[0]);
  slabs = base_realloc (s->slab_free, pool_slabs (p) * sizeof slabs[0]);
  if (slabs == NULL)
    return base_fail (ENOMEM, "out of memory for the map of free space");
  s->slab_free = slabs;
  slabs = base_realloc (s->slab_usable, pool_slabs (p) * sizeof slabs[0]);
  if (slabs == NULL)
    return base_fail (ENOMEM, "out of memory for the map of free space");
  s->slab_usable = slabs;
  for (i = old_slabs; i < pool_slabs (p); ++i)
    s->slab_free[i] = 0;
  count_usable (p, old_slabs);
  return 0;
}

void
places_free (struct pool *p)
{
  struct space *s = &p->space;
  struct limbo *l;

  while (s->limbo) {
    l = s->limbo;
    s->limbo = l->next;
    place_vector_reset (&l->data);
    place_vector_reset (&l->nodes);
    free (l);
  }
  free (s->view);
  free (s->slab_free);
  free (s->slab_usable);
}

void
places_add_slab_locked (struct pool *p, uint64_t slab, bool fresh)
{
  struct space *s = &p->space;
  const uint64_t first = slab * p->slab_blocks;
  const uint64_t end = first + p->slab_blocks;
  uint32_t n = 0;
  uint64_t i;

  /* durable_bits belong to the commit holder: a fresh slab must not look at
   * them, its neighbours in the same word may be changing.
   */
  if (!fresh && p->slab_blocks % 64 == 0)
    for (i = first / 64; i < end / 64; ++i) {
      s->view[i] = p->durable_bits[i];
      n += 64 - (uint32_t) __builtin_popcountll (s->view[i]);
    }
  else
    for (i = first; i < end; ++i)
      if (fresh ? !format_is_fixed (&p->super, i)
          : !bit_get (p->durable_bits, i)) {
        bit_clear (s->view, i);
        n++;
      }
  s->slab_free[slab] = n;
  s->free += n;
  if (n > 0 && n == s->slab_usable[slab])
    s->empty_slabs++;
  s->backed_slabs++;
  s->backed_blocks += s->slab_usable[slab];
}

/* The slab is wholly free. */
void
places_remove_slab_locked (struct pool *p, uint64_t slab)
{
  struct space *s = &p->space;
  const uint64_t first = slab * p->slab_blocks;
  uint64_t i;

  for (i = first; i < first + p->slab_blocks; ++i)
    bit_set (s->view, i);
  s->free -= s->slab_free[slab];
  s->slab_free[slab] = 0;
  s->empty_slabs--;
  s->backed_slabs--;
  s->backed_blocks -= s->slab_usable[slab];
}

/* Take K blocks from START, which are free and in one word of the view. */
static void
take_locked (struct pool *p, uint64_t start, uint64_t k)
{
  struct space *s = &p->space;
  const uint64_t mask = (k == 64 ? ~UINT64_C (0) : (UINT64_C (1) << k) - 1);
  uint64_t i;

  s->view[start / 64] |= mask << (start % 64);
  s->free -= k;
  for (i = start; i < start + k; ++i) {
    const uint64_t slab = i / p->slab_blocks;

    if (s->slab_free[slab] == s->slab_usable[slab])
      s->empty_slabs--;
    s->slab_free[slab]--;
  }
}

/* The next run of free blocks at or after *POS: at least MIN (1 or RUN) long,
 * inside one word of the view.  Looks at BUDGET words at most.
 */
static bool
next_run (struct pool *p, uint64_t *pos, unsigned min, uint64_t *budget,
          uint64_t *start, uint64_t *count)
{
  const struct space *s = &p->space;

  for (; *budget > 0; --*budget) {
    uint64_t w, runs, rest;

    if (*pos >= pool_blocks (p))
      *pos = 0;
    if (s->slab_free[*pos / p->slab_blocks] < min) {
      *pos = (*pos / p->slab_blocks + 1) * p->slab_blocks;
      continue;
    }
    w = ~s->view[*pos / 64] & (~UINT64_C (0) << (*pos % 64));
    runs = w;
    if (min == RUN) {           /* bits that start a run of RUN */
      runs &= runs >> 1;
      runs &= runs >> 2;
      runs &= runs >> 4;
    }
    if (runs == 0) {
      *pos = (*pos / 64 + 1) * 64;
      continue;
    }
    *start = *pos / 64 * 64 + (uint64_t) __builtin_ctzll (runs);
    rest = s->view[*start / 64] >> (*start % 64);
    *count = rest == 0 ? 64 - *start % 64 : (uint64_t) __builtin_ctzll (rest);
    return true;
  }
  return false;
}

static int
take_runs (struct pool *p, uint64_t *n, unsigned min, uint64_t budget,
           uint64_t *pos, struct extent_vector *out)
{
  uint64_t start, count;

  while (*n >= min && next_run (p, pos, min, &budget, &start, &count)) {
    const uint64_t k = BASE_MIN (count, *n);
    struct extent *last = out->len ? &out->ptr[out->len - 1] : NULL;

    if (last && last->place + last->count == start)
      last->count += k;
    else if (extent_vector_append (out, (struct extent) { start, k }) < 0)
      return base_fail (ENOMEM, "out of memory");
    take_locked (p, start, k);
    *n -= k;
    *pos = start + k;
  }
  return 0;
}

/* A large request looks a while for whole runs, so that it does not fill
 * every single hole that random overwrites have left; then, or if it is
 * small, any free block will do.
 */
int
places_take_locked (struct pool *p, uint64_t n, struct extent_vector *out)
{
  struct space *s = &p->space;
  const uint64_t once = WORDS (pool_blocks (p)) + pool_slabs (p);
  int r = 0;

  assert (s->free >= n);
  if (n >= RUN)
    r = take_runs (p, &n, RUN, BASE_MIN (LOOK, once), &s->run_cursor, out);
  if (r == 0 && n > 0)
    r = take_runs (p, &n, 1, UINT64_MAX, &s->cursor, out);
  return r;
}

void
places_claim_locked (struct pool *p, uint64_t place)
{
  take_locked (p, place, 1);
}

void
places_give_locked (struct pool *p, uint64_t place)
{
  struct space *s = &p->space;
  const uint64_t slab = place / p->slab_blocks;

  /* Given twice: only when the space tree is damaged and called a block
   * free that a map names.
   */
  if (!bit_get (s->view, place)) {
    atomic_store (&p->damaged, true);
    return;
  }
  bit_clear (s->view, place);
  if (s->scrubbed && place < s->scrubbed->blocks)
    bit_clear (s->scrubbed->bit, place);
  s->free++;
  s->slab_free[slab]++;
  if (s->slab_free[slab] == s->slab_usable[slab])
    s->empty_slabs++;
}

/* ---- readers ------------------------------------------------------------- */

struct reader
reader_enter (struct pool *p)
{
  struct reader r;

  r.shard = base_thread_number () % READER_SHARDS;
  for (;;) {
    const uint64_t epoch = atomic_load (&p->reader_epoch);

    r.slot = epoch % 3;
    atomic_fetch_add (&p->readers[r.shard].count[r.slot], 1);
    if (atomic_load (&p->reader_epoch) == epoch)
      return r;
    atomic_fetch_sub (&p->readers[r.shard].count[r.slot], 1);
  }
}

void
reader_exit (struct pool *p, struct reader r)
{
  atomic_fetch_sub (&p->readers[r.shard].count[r.slot], 1);
  if (atomic_load (&p->limbo_waiters) > 0) {
    LOCK_FOR_SCOPE (&p->space.lock);
    limbo_drain_locked (p);
    base_cond_broadcast (&p->space.changed);
  }
}

/* Move to the next epoch if no reader of the one before is left. */
static bool
advance_locked (struct pool *p)
{
  const uint64_t epoch = atomic_load (&p->reader_epoch);
  unsigned i;

  for (i = 0; i < READER_SHARDS; ++i)
    if (atomic_load (&p->readers[i].count[(epoch + 2) % 3]) != 0)
      return false;
  atomic_store (&p->reader_epoch, epoch + 1);
  return true;
}

/* ---- limbo --------------------------------------------------------------- */

void
limbo_add_locked (struct pool *p, uint64_t place, bool node)
{
  struct space *s = &p->space;
  const uint64_t epoch = atomic_load (&p->reader_epoch);
  struct limbo *l = s->limbo_tail;

  if (l == NULL || l->epoch != epoch) {
    l = base_calloc (1, sizeof *l);
    if (l == NULL)
      goto lost;
    l->epoch = epoch;
    if (s->limbo_tail)
      s->limbo_tail->next = l;
    else
      s->limbo = l;
    s->limbo_tail = l;
  }
  if (place_vector_append (node ? &l->nodes : &l->data, place) == 0)
    return;

 lost:
  /* No memory to remember it: it stays unusable until the pool is opened
   * again, and counts as used.
   */
  s->pending--;
}

void
limbo_drain_locked (struct pool *p)
{
  struct space *s = &p->space;
  size_t i;

  while (s->limbo) {
    struct limbo *l = s->limbo;

    while (atomic_load (&p->reader_epoch) < l->epoch + 2)
      if (!advance_locked (p))
        return;
    s->limbo = l->next;
    if (s->limbo == NULL)
      s->limbo_tail = NULL;
    for (i = 0; i < l->nodes.len; ++i) {
      node_forget (p, l->nodes.ptr[i]);
      places_give_locked (p, l->nodes.ptr[i]);
    }
    for (i = 0; i < l->data.len; ++i)
      places_give_locked (p, l->data.ptr[i]);
    s->pending -= l->nodes.len + l->data.len;
    place_vector_reset (&l->nodes);
    place_vector_reset (&l->data);
    free (l);
  }
}
