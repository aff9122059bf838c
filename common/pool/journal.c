/* SPDX-License-Identifier: BSD-3-Clause
 *
 * journal: the open transaction, its commit, and what it lets go of.
 *
 *   publish        its records join the open transaction (T)
 *   flush          who comes first leads: closes T, writes it to the ring,
 *                  flushes the device; others wait, and share T + 1
 *   checkpoint     takes all transactions up to its cut into the trees; then
 *                  the ring before that is free again
 *
 * Letting go.  A place that T no longer names may be reused, or punched, once
 * T + 1 is durable, which says that T was: recovery looks at the data of what
 * it cannot otherwise prove, and T alone may be such.  Until a superblock
 * without it is durable the old tree still names it; recovery applies T, so
 * nobody asks for it there.  But a checkpoint that runs has trees of its own:
 * what was let go of after its cut stays until it has ended, or it would find
 * places for its nodes that its own trees name.
 *
 * When the ring cannot take a transaction, because it is full, or too small,
 * or there is none (tiny pools), the checkpoint is the commit: it takes the
 * transaction without the ring, and until its superblock is durable no later
 * one is written.  The same when a verb changes something at the cut.  So the
 * order of what survives a crash is always the order in which it happened.
 */

#include <config.h>

#include <stdlib.h>

#include "pool-internal.h"
#include "io-internal.h"

#define LONG_BYTES (UINT64_C (1) << 30) /* data in one transaction */
#define LONG_MIN_BLOCKS 4096
#define STAGING (UINT64_C (256) << 10)
#define CHECKPOINT_NS (UINT64_C (30) * 1000000000)

/* ---- the pool ------------------------------------------------------------ */

int
journal_alloc (struct pool *p)
{
  struct journal *j = &p->journal;

  base_mutex_init (&j->lock);
  base_cond_init (&j->done);
  j->frozen = UINT64_MAX;
  j->staging = base_malloc (STAGING);
  return j->staging ? 0 : base_fail (ENOMEM, "out of memory");
}

int
journal_resize_locked (struct pool *p, uint64_t old, uint64_t blocks)
{
  struct journal *j = &p->journal;
  const uint64_t a = base_div_up (old, 64), b = base_div_up (blocks, 64);
  uint64_t *x = base_realloc (j->fresh, b * sizeof x[0]);

  if (x == NULL)
    return base_fail (ENOMEM, "out of memory for the map of free space");
  memset (x + a, 0, (b - a) * sizeof x[0]);
  j->fresh = x;
  return 0;
}

int
journal_set_up (struct pool *p)
{
  const struct format_super *s = &p->super;
  const uint64_t length = le64toh (s->journal_length);
  struct journal *j = &p->journal;

  j->start = le64toh (s->journal_start) + FORMAT_MARKERS;
  j->length = length < FORMAT_MARKERS + 2 ? 0 : length - FORMAT_MARKERS;
  j->head = j->tail = le64toh (s->journal_tail_block);
  j->chain = le32toh (s->journal_chain);
  j->durable = j->proven = le64toh (s->journal_tail_seq);
  j->open = j->durable + 1;
  j->checkpointed = base_monotonic_ns ();
  return journal_resize_locked (p, 0, pool_blocks (p));
}

void
journal_free (struct pool *p)
{
  struct journal *j = &p->journal;
  size_t i;

  for (i = 0; i < j->waiting.len; ++i)
    place_vector_reset (&j->waiting.ptr[i].places);
  journal_freed_vector_reset (&j->waiting);
  journal_record_vector_reset (&j->records);
  place_vector_reset (&j->freed);
  free (j->staging);
  free (j->fresh);
  base_mutex_destroy (&j->lock);
  base_cond_destroy (&j->done);
}

int
journal_back_ring (struct pool *p)
{
  struct journal *j = &p->journal;
  int r;

  if (j->length == 0
      || (le64toh (p->super.compatible) & FORMAT_COMPATIBLE_RING))
    return 0;
  r = vdev_zero (p->backing, j->length * p->block_size,
                 j->start * p->block_size, VDEV_ALLOCATE);
  if (r == -ENOSPC)
    j->length = 0;
  else if (r == 0)
    p->super.compatible |= htole64 (FORMAT_COMPATIBLE_RING);
  return r == -ENOSPC ? 0 : r;
}

void
journal_fill_super (const struct pool *p, struct format_super *s,
                    const struct journal_cut *cut)
{
  const struct journal *j = &p->journal;

  s->incompatible &= ~htole64 (FORMAT_INCOMPATIBLE_JOURNAL);
  if (j->length > 0)
    s->incompatible |= htole64 (FORMAT_INCOMPATIBLE_JOURNAL);
  if (cut == NULL)
    return;
  s->journal_tail_seq = htole64 (cut->seq);
  s->journal_tail_block = htole64 (j->length ? cut->head % j->length : 0);
  s->journal_chain = htole32 (cut->chain);
}

/* ---- publishing ---------------------------------------------------------- */

/* Drop the records whose place the open transaction has let go of again: a
 * later one speaks for their block.  Of several with one place it is the last
 * that counts.
 */
static void
prune_locked (struct journal *j)
{
  struct journal_record *r = j->records.ptr;
  const size_t n = j->records.len;
  size_t i, k = n;

  if (j->dead == 0)
    return;
  for (i = n; i-- > 0;) {
    if (r[i].place != 0) {
      if (!bit_get (j->fresh, r[i].place))
        continue;
      bit_clear (j->fresh, r[i].place);
    }
    r[--k] = r[i];
  }
  memmove (r, r + k, (n - k) * sizeof r[0]);
  j->records.len = n - k;
  j->dead = 0;
  for (i = 0; i < n - k; ++i)
    if (r[i].place != 0)
      bit_set (j->fresh, r[i].place);
}

int
journal_reserve (struct pool *p, struct journal_room *room, size_t records,
                 size_t freed)
{
  struct journal *j = &p->journal;
  int r;
  LOCK_FOR_SCOPE (&j->lock);

  if (j->dead > j->records.len / 2
      && j->records.cap - j->records.len < j->reserved.records + records)
    prune_locked (j);
  r = journal_record_vector_reserve (&j->records,
                                     j->reserved.records + records);
  if (r == 0)
    r = place_vector_reserve (&j->freed, j->reserved.freed + freed);
  if (r < 0)
    return base_fail (ENOMEM, "out of memory");
  j->reserved.records += records;
  j->reserved.freed += freed;
  room->records += records;
  room->freed += freed;
  return 0;
}

static void
unreserve_locked (struct journal *j, struct journal_room *room)
{
  j->reserved.records -= room->records;
  j->reserved.freed -= room->freed;
  room->records = room->freed = 0;
}

void
journal_unreserve (struct pool *p, struct journal_room *room)
{
  LOCK_FOR_SCOPE (&p->journal.lock);

  unreserve_locked (&p->journal, room);
}

static void
add_unmap_locked (struct journal *j, uint64_t volume, uint64_t block,
                  uint64_t n)
{
  struct journal_record *last
    = j->records.len ? &j->records.ptr[j->records.len - 1] : NULL;

  if (last && last->volume == volume && last->place == 0
      && last->block + last->count == block)
    last->count += n;
  else
    j->records.ptr[j->records.len++] = (struct journal_record) {
      .volume = volume, .block = block, .count = n };
}

/* What the open transaction brought itself, no other state names: these come
 * first.  The rest waits.  So does all of it while a checkpoint runs: its nodes
 * could come to stand there, and the transaction, which is not in its trees,
 * would be applied to them with the record that still names the place.
 */
static size_t
add_freed_locked (struct journal *j, uint64_t *freed, size_t n)
{
  size_t i, now = 0;

  for (i = 0; i < n; ++i) {
    const uint64_t place = freed[i];

    if (j->frozen != UINT64_MAX || !bit_get (j->fresh, place)) {
      j->freed.ptr[j->freed.len++] = place;
      continue;
    }
    bit_clear (j->fresh, place);
    freed[i] = freed[now];
    freed[now++] = place;
  }
  atomic_fetch_sub (&j->blocks, now);
  j->dead += now;
  return now;
}

/* Blocks of data after which a transaction is closed.  Not more than half of
 * the free blocks that the pool keeps, so that they last while it is written.
 */
static uint64_t
long_blocks (const struct pool *p)
{
  return BASE_MIN (LONG_BYTES / p->block_size,
                   BASE_MAX (p->space.max_capital / 2, LONG_MIN_BLOCKS));
}

static void
published_locked (struct pool *p, struct edit *edit, uint64_t offset,
                  uint64_t length)
{
  const struct pool_watch *w = &p->options.watch;

  unreserve_locked (&p->journal, &edit->room);
  edit->txn = p->journal.open;
  atomic_store (&p->open_dirty, true);
  if (w->published)
    w->published (w->opaque, edit->v->id, offset, length);
}

void
journal_publish (struct pool *p, struct edit *edit, uint64_t *freed,
                 size_t nfreed, size_t *now)
{
  struct journal *j = &p->journal;
  uint64_t i, data = 0;
  LOCK_FOR_SCOPE (&j->lock);

  *now = add_freed_locked (j, freed, nfreed);
  for (i = 0; i < edit->count; ++i) {
    const struct format_entry *e = &edit->e[i];
    const uint64_t place = format_place (e);

    if (format_type (e) != FORMAT_DATA) {
      add_unmap_locked (j, edit->v->id, edit->block + i, 1);
      continue;
    }
    j->records.ptr[j->records.len++] = (struct journal_record) {
      .volume = edit->v->id, .block = edit->block + i, .count = 1,
      .place = place, .crc = le32toh (e->check) };
    bit_set (j->fresh, place);
    data++;
  }
  data += atomic_fetch_add (&j->blocks, data);
  if (data >= long_blocks (p) && !j->long_said
      && p->worker_started) {
    j->long_said = true;
    pool_wake (p);
  }
  published_locked (p, edit, edit->offset, edit->length);
}

void
journal_publish_unmap (struct pool *p, struct edit *edit, uint64_t block,
                       uint64_t n, uint64_t *freed, size_t nfreed,
                       size_t *now)
{
  struct journal *j = &p->journal;
  LOCK_FOR_SCOPE (&j->lock);

  *now = add_freed_locked (j, freed, nfreed);
  add_unmap_locked (j, edit->v->id, block, n);
  published_locked (p, edit, block * p->block_size, n * p->block_size);
}

uint64_t
journal_target (struct pool *p)
{
  const struct journal *j = &p->journal;
  LOCK_FOR_SCOPE (&p->journal.lock);

  return j->records.len > 0 ? j->open : j->open - 1;
}

bool
journal_wants_commit (struct pool *p)
{
  return atomic_load (&p->journal.blocks) >= long_blocks (p);
}

bool
journal_is_long (struct pool *p)
{
  return atomic_load (&p->journal.blocks)
    >= 2 * long_blocks (p);
}

/* ---- letting go ---------------------------------------------------------- */

/* What may be let go of now.  Returns how many places went. */
static size_t
release_locked (struct pool *p)
{
  struct journal *j = &p->journal;
  const uint64_t upto = BASE_MIN (j->proven, j->frozen);
  size_t i, k, n = 0, kept = 0;
  LOCK_FOR_SCOPE (&p->space.lock);

  for (i = 0; i < j->waiting.len; ++i) {
    struct journal_freed *f = &j->waiting.ptr[i];

    if (f->seq > upto) {
      j->waiting.ptr[kept++] = *f;
      continue;
    }
    for (k = 0; k < f->places.len; ++k)
      limbo_add_locked (p, f->places.ptr[k], LIMBO_DATA);
    n += f->places.len;
    place_vector_reset (&f->places);
  }
  j->waiting.len = kept;
  if (n > 0) {
    limbo_drain_locked (p);
    base_cond_broadcast (&p->space.changed);
  }
  return n;
}

uint64_t
journal_let_go (struct pool *p)
{
  const struct journal *j = &p->journal;
  uint64_t n = 0;
  size_t i;
  LOCK_FOR_SCOPE (&p->journal.lock);

  for (i = 0; i < j->waiting.len; ++i)
    if (j->waiting.ptr[i].seq <= j->durable)
      n += j->waiting.ptr[i].places.len;
  return n;
}

void
journal_release (struct pool *p)
{
  LOCK_FOR_SCOPE (&p->journal.lock);

  release_locked (p);
}

/* ---- closing ------------------------------------------------------------- */

/* The open transaction becomes TXN, and the next one is open. */
static int
close_locked (struct pool *p, struct journal_txn *txn)
{
  struct journal *j = &p->journal;
  struct journal_record_vector records = { 0 };
  struct place_vector freed = { 0 };
  size_t i;
  int r;

  prune_locked (j);
  r = journal_record_vector_reserve (&records, j->reserved.records);
  if (r == 0)
    r = place_vector_reserve (&freed, j->reserved.freed);
  if (r == 0)
    r = journal_freed_vector_reserve (&j->waiting, 1);
  if (r < 0) {
    journal_record_vector_reset (&records);
    place_vector_reset (&freed);
    return base_fail (ENOMEM, "out of memory");
  }
  txn->seq = j->open++;
  txn->records = j->records;
  for (i = 0; i < txn->records.len; ++i)
    bit_clear (j->fresh, txn->records.ptr[i].place);
  j->records = records;
  if (j->freed.len > 0)
    j->waiting.ptr[j->waiting.len++]
      = (struct journal_freed) { .seq = txn->seq, .places = j->freed };
  else
    place_vector_reset (&j->freed);
  j->freed = freed;
  atomic_store (&j->blocks, 0);
  j->long_said = false;
  return 0;
}

static bool
fits_locked (const struct pool *p, size_t records)
{
  const struct journal *j = &p->journal;

  return journal_blocks_bound (p, records) <= j->length - (j->head - j->tail);
}

/* ---- committing ---------------------------------------------------------- */

/* TXN goes to the ring, and then the device is flushed.  The caller has set
 * `running` and holds no lock.
 */
static int
commit_txn (struct pool *p, const struct journal_txn *txn)
{
  struct journal *j = &p->journal;
  uint64_t stable;
  int r;

  base_mutex_lock (&j->lock);
  stable = j->durable;
  base_mutex_unlock (&j->lock);
  write_gate_close (p);
  r = journal_write (p, txn, stable);
  if (r == 0) {
    r = backing_sync (p);
    if (r < 0)
      r = base_fail_in (r, "flush");
  }
  write_gate_open (p);
  if (r < 0)
    r = commit_poison (p, -r, "commit failed");
  base_mutex_lock (&j->lock);
  if (r == 0) {
    j->durable = txn->seq;
    j->proven = BASE_MAX (j->proven, stable);
    release_locked (p);
  }
  base_mutex_unlock (&j->lock);
  return r;
}

/* Close what is open and commit it.  1 = that takes a checkpoint.  The lock
 * is held on entry and exit.
 */
static int
lead_locked (struct pool *p)
{
  const struct pool_watch *w = &p->options.watch;
  struct journal *j = &p->journal;
  struct journal_txn txn;
  int r;

  prune_locked (j);
  if (!fits_locked (p, j->records.len))
    return 1;
  r = close_locked (p, &txn);
  if (r < 0)
    return r;
  if (w->cut)
    w->cut (w->opaque, txn.seq);
  j->running = true;
  base_mutex_unlock (&j->lock);
  r = commit_txn (p, &txn);
  journal_record_vector_reset (&txn.records);
  base_mutex_lock (&j->lock);
  j->running = false;
  base_cond_broadcast (&j->done);
  if (j->head - j->tail > j->length / 2 && p->worker_started)
    pool_wake (p);
  return r;
}

static int
poisoned_error (void)
{
  return base_fail (EIO, "poisoned after an earlier error; "
                    "nothing is written any more");
}

int
journal_to (struct pool *p, uint64_t seq)
{
  struct journal *j = &p->journal;
  int r;

  base_mutex_lock (&j->lock);
  for (;;) {
    /* A failed flush is sticky, also for what was durable before it. */
    if (pool_poisoned (p) < 0) {
      r = poisoned_error ();
      break;
    }
    if (j->durable >= seq) {
      r = 0;
      break;
    }
    if (j->running || j->held) {
      base_cond_wait (&j->done, &j->lock);
      continue;
    }
    r = lead_locked (p);
    if (r == 1) {
      base_mutex_unlock (&j->lock);
      r = commit_to (p, commit_target (p));
      base_mutex_lock (&j->lock);
    }
    if (r < 0)
      break;
  }
  base_mutex_unlock (&j->lock);
  return r;
}

/* One step of two: T, and T + 1, which proves it. */
int
journal_push (struct pool *p)
{
  struct journal *j = &p->journal;
  int r;
  LOCK_FOR_SCOPE (&j->lock);

  if (pool_poisoned (p) < 0)
    return poisoned_error ();
  if (j->running || j->held || j->frozen != UINT64_MAX) {
    base_cond_wait (&j->done, &j->lock);
    return 1;
  }
  if (j->freed.len == 0 && j->waiting.len == 0)
    return 0;
  r = lead_locked (p);
  return r < 0 ? r : !r;
}

bool
journal_wants_checkpoint (struct pool *p)
{
  struct journal *j = &p->journal;
  bool half, old;

  base_mutex_lock (&j->lock);
  half = j->head - j->tail > j->length / 2;
  old = base_monotonic_ns () - j->checkpointed > CHECKPOINT_NS;
  base_mutex_unlock (&j->lock);
  return half || old;
}

void
journal_wake_all (struct pool *p)
{
  LOCK_FOR_SCOPE (&p->journal.lock);

  base_cond_broadcast (&p->journal.done);
}

/* ---- checkpoints --------------------------------------------------------- */

int
journal_hold (struct pool *p)
{
  struct journal *j = &p->journal;
  LOCK_FOR_SCOPE (&j->lock);

  if (journal_freed_vector_reserve (&j->waiting, 1) < 0)
    return base_fail (ENOMEM, "out of memory");
  j->held = true;
  return 0;
}

void
journal_unhold (struct pool *p)
{
  LOCK_FOR_SCOPE (&p->journal.lock);

  p->journal.held = false;
  base_cond_broadcast (&p->journal.done);
}

void
journal_freeze (struct pool *p, struct journal_cut *cut)
{
  struct journal *j = &p->journal;
  int r = 0;
  LOCK_FOR_SCOPE (&j->lock);

  /* No publish is under way, so nothing is reserved and no memory needed. */
  if (j->records.len > 0)
    r = close_locked (p, &cut->txn);
  assert (r == 0);
  cut->seq = j->open - 1;
  j->frozen = cut->seq;
}

int
journal_after_cut (struct pool *p, struct journal_cut *cut, bool write)
{
  struct journal *j = &p->journal;
  int r = 0;

  base_mutex_lock (&j->lock);
  while (j->running)
    base_cond_wait (&j->done, &j->lock);
  if (write && (cut->txn.records.len == 0
                || fits_locked (p, cut->txn.records.len))) {
    if (cut->txn.records.len > 0) {
      j->running = true;
      base_mutex_unlock (&j->lock);
      r = commit_txn (p, &cut->txn);
      base_mutex_lock (&j->lock);
      j->running = false;
    }
    if (r == 0)
      j->held = false;
    base_cond_broadcast (&j->done);
  }
  cut->head = j->head;
  cut->chain = j->chain;
  base_mutex_unlock (&j->lock);
  return r;
}

void
journal_settle (struct pool *p, struct journal_cut *cut)
{
  struct journal *j = &p->journal;
  LOCK_FOR_SCOPE (&j->lock);

  j->tail = cut->head;
  j->durable = BASE_MAX (j->durable, cut->seq);
  j->proven = BASE_MAX (j->proven, cut->seq);
  j->held = false;
  j->frozen = UINT64_MAX;
  j->checkpointed = base_monotonic_ns ();
  release_locked (p);
  base_cond_broadcast (&j->done);
}

void
journal_cut_reset (struct journal_cut *cut)
{
  journal_record_vector_reset (&cut->txn.records);
}
