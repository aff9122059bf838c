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
 * What the open transaction brought and let go of itself is taken first, the
 * last of it before the rest: its page is in the caches, of the processor and
 * of the device below, and it is still to be written there, which then happens
 * once.  Else it is next fit over the slabs that were used before (`touched`
 * tells them from those above, which were not): what is written together
 * stands together, and reuse is spread in time, which may help a repair that
 * has to go back.  An untouched slab is begun only when little is free in the
 * others, or no long run: a page that was never touched costs the host a new
 * one, several times what the copy into it does.
 */

#include <config.h>

#include <stdlib.h>

#include "pool-internal.h"

#define RUN 8                   /* blocks that are worth looking for */
#define SLACK 16                /* 1/16 of the slabs in use is kept free */
#define WORD 64                 /* blocks of a word of the view */
#define LOOK 1024               /* words of the view to look at for them, at
                                 * most, each time */
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

static void
limbo_free (struct limbo *l)
{
  unsigned kind;

  for (kind = 0; kind < LIMBO_KINDS; ++kind)
    place_vector_reset (&l->places[kind]);
  free (l);
}

void
places_free (struct pool *p)
{
  struct space *s = &p->space;
  struct limbo *l;

  while (s->limbo) {
    l = s->limbo;
    s->limbo = l->next;
    limbo_free (l);
  }
  free (s->view);
  free (s->slab_free);
  free (s->slab_usable);
}

/* The slab with PLACE, and those below it, are in use from now on. */
static void
touch_locked (struct pool *p, uint64_t place)
{
  struct space *s = &p->space;

  for (; s->touched <= place; s->touched += p->slab_blocks)
    s->untouched -= s->slab_free[s->touched / p->slab_blocks];
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
  if (first >= s->touched)
    s->untouched += n;
  if (n < s->slab_usable[slab])
    touch_locked (p, first);
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
  if (first >= s->touched)
    s->untouched -= s->slab_free[slab];
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
  const uint64_t end = start + k;
  uint64_t n;

  touch_locked (p, end - 1);
  s->view[start / 64] |= mask << (start % 64);
  s->free -= k;
  for (; start < end; start += n) {
    const uint64_t slab = start / p->slab_blocks;

    n = BASE_MIN (end, (slab + 1) * p->slab_blocks) - start;
    if (s->slab_free[slab] == s->slab_usable[slab])
      s->empty_slabs--;
    s->slab_free[slab] -= (uint32_t) n;
  }
}

/* The bits of W that start MIN ones, a power of two. */
static uint64_t
run_starts (uint64_t w, unsigned min)
{
  unsigned k;

  for (k = 1; k < min; k *= 2)
    w &= w >> k;
  return w;
}

/* The next run of free blocks at or after *POS and below END: at least MIN
 * long (a power of two, WORD at most), inside one word of the view.  Looks at
 * *BUDGET words at most.
 */
static bool
next_run (struct pool *p, uint64_t *pos, uint64_t end, unsigned min,
          uint64_t *budget, uint64_t *start, uint64_t *count)
{
  const struct space *s = &p->space;

  for (; *budget > 0 && *pos < end; --*budget) {
    uint64_t runs, rest;

    if (s->slab_free[*pos / p->slab_blocks] < min) {
      *pos = (*pos / p->slab_blocks + 1) * p->slab_blocks;
      continue;
    }
    runs = run_starts (~s->view[*pos / WORD] & (~UINT64_C (0) << (*pos % WORD)),
                       min);
    if (runs == 0) {
      *pos = (*pos / WORD + 1) * WORD;
      continue;
    }
    *start = *pos / WORD * WORD + (uint64_t) __builtin_ctzll (runs);
    rest = s->view[*start / WORD] >> (*start % WORD);
    *count
      = rest == 0 ? WORD - *start % WORD : (uint64_t) __builtin_ctzll (rest);
    return true;
  }
  return false;
}

/* K blocks from START, which are free, go to OUT. */
static int
take_run (struct pool *p, uint64_t start, uint64_t k,
          struct extent_vector *out)
{
  struct extent *last = out->len ? &out->ptr[out->len - 1] : NULL;
  uint64_t n;

  if (last && last->place + last->count == start)
    last->count += k;
  else if (extent_vector_append (out, (struct extent) { start, k }) < 0)
    return base_fail (ENOMEM, "out of memory");
  for (; k > 0; start += n, k -= n) {
    n = BASE_MIN (k, WORD - start % WORD);
    take_locked (p, start, n);
  }
  return 0;
}

/* Runs of MIN or more, of N blocks in all, from *POS on and below END. */
static int
take_runs (struct pool *p, uint64_t *n, unsigned min, uint64_t *pos,
           uint64_t end, uint64_t *budget, struct extent_vector *out)
{
  uint64_t start, count;

  while (*n >= min && next_run (p, pos, end, min, budget, &start, &count)) {
    const uint64_t k = BASE_MIN (count, *n);
    const int r = take_run (p, start, k, out);

    if (r < 0)
      return r;
    *n -= k;
    *pos = start + k;
  }
  return 0;
}

/* The same in the slabs in use, once round.  A slab may stretch over the end
 * of a word, and a small one may be less than one: END is not exact.
 */
static int
take_touched (struct pool *p, uint64_t *n, unsigned min, uint64_t *pos,
              uint64_t budget, struct extent_vector *out)
{
  const uint64_t end = BASE_MIN (p->space.touched, pool_blocks (p));
  int r;

  r = take_runs (p, n, min, pos, end, &budget, out);
  if (r == 0 && *n >= min && budget > 0) {
    *pos = 0;
    r = take_runs (p, n, min, pos, end, &budget, out);
  }
  return r;
}

/* From slabs that nothing was written to yet. */
static int
take_untouched (struct pool *p, uint64_t *n, struct extent_vector *out)
{
  uint64_t pos = p->space.touched, budget = UINT64_MAX;

  return take_runs (p, n, 1, &pos, pool_blocks (p), &budget, out);
}

/* How many blocks from PLACE on, COUNT at most, are free. */
static uint64_t
still_free (const struct pool *p, uint64_t place, uint64_t count)
{
  uint64_t n = 0;

  while (n < count) {
    const uint64_t at = place + n;
    const uint64_t taken = p->space.view[at / WORD] >> (at % WORD);

    if (taken != 0)
      return BASE_MIN (n + (uint64_t) __builtin_ctzll (taken), count);
    n += WORD - at % WORD;
  }
  return count;
}

/* From what was let go of last: a request gets its blocks in one piece, or
 * singly if it is smaller than RUN.  What others took meanwhile is dropped.
 */
static int
take_warm (struct pool *p, uint64_t *n, struct extent_vector *out)
{
  struct space *s = &p->space;
  const bool whole = *n >= RUN;
  unsigned looked;
  int r;

  for (looked = 0; looked < WARM && *n > 0; ++looked) {
    struct extent *x = &s->warm[(s->warm_top + WARM - looked) % WARM];
    const uint64_t k = still_free (p, x->place, BASE_MIN (x->count, *n));

    if (k == 0)
      x->count = 0;
    if (k == 0 || (whole && k < *n))
      continue;
    r = take_run (p, x->place, k, out);
    if (r < 0)
      return r;
    x->place += k;
    x->count -= k;
    *n -= k;
  }
  return 0;
}

static void
note_warm (struct space *s, uint64_t place)
{
  struct extent *x = &s->warm[s->warm_top];

  if (x->count > 0 && x->place + x->count == place)
    x->count++;
  else {
    s->warm_top = (s->warm_top + 1) % WARM;
    s->warm[s->warm_top] = (struct extent) { place, 1 };
  }
}

/* A large request looks a while for runs, the longest first, so that it does
 * not fill every single hole that random overwrites have left; then it begins
 * a slab.  After that, or if it is small, any free block will do.
 */
int
places_take_locked (struct pool *p, uint64_t n, struct extent_vector *out)
{
  struct space *s = &p->space;
  unsigned min;
  int r;

  assert (s->free >= n);
  r = take_warm (p, &n, out);
  for (min = WORD; r == 0 && min >= RUN; min /= 2)
    if (n >= min)
      r = take_touched (p, &n, min, &s->run_cursor, LOOK, out);
  if (r == 0 && n > 0
      && (n >= RUN || s->free - s->untouched < s->touched / SLACK))
    r = take_untouched (p, &n, out);
  if (r == 0 && n > 0)
    r = take_touched (p, &n, 1, &s->cursor, UINT64_MAX, out);
  if (r == 0 && n > 0)
    r = take_untouched (p, &n, out);
  assert (r < 0 || n == 0);
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
limbo_add_locked (struct pool *p, uint64_t place, enum limbo_kind kind)
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
  if (place_vector_append (&l->places[kind], place) == 0)
    return;

 lost:
  /* No memory to remember it: it stays unusable until the pool is opened
   * again, and counts as used.
   */
  s->pending--;
}

/* Nobody reads what stands in L any more. */
static void
limbo_give_locked (struct pool *p, const struct limbo *l)
{
  unsigned kind;
  size_t i;

  for (kind = 0; kind < LIMBO_KINDS; ++kind) {
    for (i = 0; i < l->places[kind].len; ++i) {
      const uint64_t place = l->places[kind].ptr[i];

      if (kind == LIMBO_NODE)
        node_forget (p, place);
      if (kind == LIMBO_WARM)
        note_warm (&p->space, place);
      places_give_locked (p, place);
    }
    p->space.pending -= l->places[kind].len;
  }
}

void
limbo_drain_locked (struct pool *p)
{
  struct space *s = &p->space;

  while (s->limbo) {
    struct limbo *l = s->limbo;

    while (atomic_load (&p->reader_epoch) < l->epoch + 2)
      if (!advance_locked (p))
        return;
    s->limbo = l->next;
    if (s->limbo == NULL)
      s->limbo_tail = NULL;
    limbo_give_locked (p, l);
    limbo_free (l);
  }
}
