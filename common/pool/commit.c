/* SPDX-License-Identifier: BSD-3-Clause
 *
 * commit: checkpoints: from what is open to a durable generation.
 *
 *   cut        all maps are frozen at one moment, between two publishes; the
 *              open transaction is closed, and requests go on in the next
 *   journal    that transaction goes to the ring, so that flushes need not
 *              wait for the rest; not if a verb changes something at the cut
 *   diff       what changed in the maps, in the counts, in the bitmaps
 *   place      every changed node and page gets a fresh place
 *   write      in order of place, in long runs
 *   flush      nodes, pages, and data that is not durable yet
 *   superblock slot and twin
 *   flush
 *   settle     what was written is clean now; what was let go of waits for
 *              its readers and may then be reused; the tail of the ring moves
 *
 * Whoever needs generation G durable either runs the checkpoint himself or
 * waits for the one that runs; those who come meanwhile share the next one.
 * A flush needs none (journal.c).  No lock but the commit hold is kept over
 * I/O.
 *
 * A node, or a block that may be shared, which this checkpoint frees may be
 * reused only when its superblock and twin are durable: until then the older
 * slot, which still names it, may be what a crash leaves.
 *
 * An error after the cut poisons the pool: what a failed flush left on disk
 * is unknown, and the kernel reports it only once.  From then on nothing is
 * written, everything that would be fails with EIO, all waiters wake, and
 * reading goes on.
 */

#include <config.h>

#include <stdlib.h>

#include "pool-internal.h"
#include "io-internal.h"

#define STAGING (UINT64_C (1) << 20)
#define QUEUE 2048              /* blocks that wait to be written, at most */

/* ---- who commits --------------------------------------------------------- */

uint64_t
commit_target (struct pool *p)
{
  RDLOCK_FOR_SCOPE (&p->publish);

  return atomic_load (&p->open_dirty) ? p->open_gen : p->open_gen - 1;
}

static int
poisoned_error (void)
{
  return base_fail (EIO, "poisoned after an earlier error; "
                    "nothing is written any more");
}

int
commit_hold (struct pool *p)
{
  struct commit *c = &p->commit;
  LOCK_FOR_SCOPE (&c->lock);

  while (c->running)
    base_cond_wait (&c->done, &c->lock);
  if (pool_poisoned (p) < 0)
    return poisoned_error ();
  c->running = true;
  return 0;
}

int
commit_hold_clean (struct pool *p)
{
  int r = commit_hold (p);

  if (r < 0 || p->options.readonly || !atomic_load (&p->open_dirty))
    return r;
  r = commit_run (p, NULL, false);
  if (r < 0)
    commit_release (p);
  return r;
}

void
commit_release (struct pool *p)
{
  LOCK_FOR_SCOPE (&p->commit.lock);

  p->commit.running = false;
  base_cond_broadcast (&p->commit.done);
}

int
commit_to (struct pool *p, uint64_t gen)
{
  struct commit *c = &p->commit;
  int r;

  base_mutex_lock (&c->lock);
  for (;;) {
    /* A failed flush is sticky, also for what was durable before it. */
    if (pool_poisoned (p) < 0) {
      r = poisoned_error ();
      break;
    }
    if (c->durable >= gen) {
      r = 0;
      break;
    }
    if (c->running) {
      base_cond_wait (&c->done, &c->lock);
      continue;
    }
    c->running = true;
    base_mutex_unlock (&c->lock);
    r = commit_run (p, NULL, false);
    base_mutex_lock (&c->lock);
    c->running = false;
    base_cond_broadcast (&c->done);
    if (r < 0)
      break;
  }
  base_mutex_unlock (&c->lock);
  return r;
}

int
commit_poison (struct pool *p, int err, const char *what)
{
  CLEANUP_FREE char *why = base_strdup (base_error_text ());
  bool first;

  base_mutex_lock (&p->commit.lock);
  first = pool_poisoned (p) == 0;
  atomic_store (&p->commit.poisoned, -EIO);
  base_cond_broadcast (&p->commit.done);
  base_mutex_unlock (&p->commit.lock);

  space_wake_all (p);
  journal_wake_all (p);
  if (first)
    event_log (p, POOL_EVENT_POISONED, "", "poisoned: %s: %s; nothing is "
               "written any more: %s", what, why ? why : base_strerror (err),
               err == EBADMSG ? "copy the volumes to a new pool"
               : "mend the backing, then open the pool again");
  return base_fail (EIO, "%s: %s", what,
                    why ? why : base_strerror (err));
}

/* ---- for diff.c and systree.c -------------------------------------------- */

/* The slabs of the places in WINDOW are backed; the backed tree of this
 * commit says so too, also when they were only backed after the cut.
 */
static void
note_backed (struct pool *p, const struct extent_vector *window)
{
  size_t i;
  uint64_t slab;

  for (i = 0; i < window->len; ++i) {
    const struct extent *e = &window->ptr[i];

    for (slab = e->place / p->slab_blocks;
         slab <= (e->place + e->count - 1) / p->slab_blocks; ++slab)
      if (!bit_get (p->backed_bits, slab)) {
        bit_set (p->backed_bits, slab);
        systree_mark (&p->backed_tree, slab / p->backed_tree.items);
      }
  }
}

/* A commit that follows another one closely may find that what that one
 * freed is still being read.  Readers never wait for a commit.
 */
static void
wait_for_free_locked (struct pool *p)
{
  struct space *s = &p->space;

  limbo_drain_locked (p);
  while (s->free == 0 && s->limbo) {
    atomic_fetch_add (&p->limbo_waiters, 1);
    limbo_drain_locked (p);
    if (s->free == 0 && s->limbo)
      base_cond_timedwait (&s->changed, &s->lock, 100);
    atomic_fetch_sub (&p->limbo_waiters, 1);
  }
}

int
cut_take_place (struct pool *p, struct cut *cut, uint64_t *place)
{
  struct space *s = &p->space;
  struct extent *e;
  int r;
  LOCK_FOR_SCOPE (&s->lock);

  while (cut->window_next < cut->window.len
         && cut->window.ptr[cut->window_next].count == 0)
    cut->window_next++;
  if (cut->window_next == cut->window.len) {
    uint64_t n;

    wait_for_free_locked (p);
    n = BASE_MIN (s->free, UINT64_C (32));
    if (n == 0)
      return base_fail (ENOSPC, "no place for metadata although it was "
                        "reserved");
    cut->window.len = cut->window_next = 0;
    r = places_take_locked (p, n, &cut->window);
    if (r < 0)
      return r;
    s->window += n;
    note_backed (p, &cut->window);
  }
  e = &cut->window.ptr[cut->window_next];
  *place = e->place++;
  e->count--;
  s->window--;
  return cut_mapped (cut, *place);
}

static int
wrong_bit (uint64_t place, const char *what)
{
  return base_fail (EBADMSG, "block %" PRIu64 ": %s; the space tree is "
                    "damaged", place, what);
}

/* A data block of a map.  Another map, or another part of this one, may name
 * it too in the state before: it was let go of and taken again in between.
 * So it is marked when everything that is gone is no longer marked.
 */
int
cut_mapped (struct cut *cut, uint64_t place)
{
  if (place_vector_append (&cut->allocated, place) < 0)
    return base_fail (ENOMEM, "out of memory");
  return 0;
}

int
cut_allocated (struct pool *p, uint64_t place)
{
  if (bit_get (p->durable_bits, place))
    return wrong_bit (place, "allocated twice");
  bit_set (p->durable_bits, place);
  p->allocated++;
  systree_mark (&p->space_tree, place / p->space_tree.items);
  return 0;
}

static int
mark_free (struct pool *p, uint64_t place)
{
  if (place >= pool_blocks (p) || !bit_get (p->durable_bits, place))
    return wrong_bit (place, "freed twice");
  bit_clear (p->durable_bits, place);
  p->allocated--;
  systree_mark (&p->space_tree, place / p->space_tree.items);
  return 0;
}

static int
cut_free (struct pool *p, struct place_vector *v, uint64_t place)
{
  int r = mark_free (p, place);

  return r < 0 ? r : place_vector_append (v, place);
}

/* A data block that the journal has let go of, and that may be in use again. */
int
cut_free_released (struct pool *p, uint64_t place)
{
  return mark_free (p, place);
}

/* A node that was written anew elsewhere. */
int
cut_free_moved (struct pool *p, struct cut *cut, uint64_t place)
{
  base_mutex_lock (&p->space.lock);
  p->space.pending++;
  base_mutex_unlock (&p->space.lock);
  return cut_free (p, &cut->freed_nodes, place);
}

/* A node or a data block that the map no longer has: publish has counted
 * most of these already.
 */
int
cut_free_dropped (struct pool *p, struct cut *cut, uint64_t place, bool node)
{
  base_mutex_lock (&p->space.lock);
  p->space.frozen_actual++;
  base_mutex_unlock (&p->space.lock);
  return cut_free (p, node ? &cut->freed_nodes : &cut->freed_data, place);
}

/* ---- cut ----------------------------------------------------------------- */

/* V has changed in this transaction. */
static void
freeze (struct pool *p, struct cut *cut, struct volume *v)
{
  struct cut_item item = { .v = v };

  if (v->root) {
    assert (v->root->dirty && v->root->txn == p->open_gen);
    item.root = node_ref (v->root);
    item.map = true;
  }
  else
    /* Emptied; or it joined and then nothing came of it. */
    item.map = format_type (&v->root_entry) == FORMAT_HOLE
      && format_type (&v->rec.root.entry) != FORMAT_HOLE;
  item.snap_epoch = v->snap_epoch;
  item.by_journal = v->rec.kind != FORMAT_INCOMPLETE;
  item.mapped = v->mapped;
  item.nodes = v->nodes;
  item.levels = v->levels;
  cut->items.ptr[cut->items.len++] = item;
}

static void
cut_space (struct pool *p, bool urgent)
{
  struct space *s = &p->space;
  LOCK_FOR_SCOPE (&s->lock);

  s->ahead = 0;
  s->urgent = urgent;
  s->pending -= s->open_pending;
  s->frozen_estimate = s->open_pending;
  s->frozen_actual = 0;
  s->open_pending = s->open_maybe = 0;
  s->dirty = 0;
  if (s->backed_changed) {
    uint64_t i;

    for (i = 0; i < pool_slabs (p); ++i)
      if (bit_get (p->backing_bits, i) != bit_get (p->backed_bits, i)) {
        p->backed_bits[i / 64] ^= UINT64_C (1) << (i % 64);
        systree_mark (&p->backed_tree, i / p->backed_tree.items);
      }
    s->backed_changed = false;
  }
}

/* What the record of V will say of sharing: as at the cut. */
static void
fix_record (struct volume *v)
{
  /* An upper bound that was too high: the nodes are gone. */
  if (v->shared > v->nodes)
    volume_set_shared (v, v->nodes);
  v->rec.shared = htole64 (v->rec.kind == FORMAT_SNAPSHOT ? v->nodes
                           : v->shared);
  v->rec.snap_epoch = htole32 (v->snap_epoch);
}

static int
cut_begin (struct pool *p, struct cut *cut, struct change *change, bool urgent)
{
  const struct pool_watch *w = &p->options.watch;
  size_t i;
  int r;
  WRLOCK_FOR_SCOPE (&p->publish);

  /* A change's check may dirty one volume more. */
  if (cut_item_vector_reserve (&cut->items, p->dirty.len + 1) < 0)
    return base_fail (ENOMEM, "out of memory");
  r = journal_hold (p);
  if (r == 0 && change && change->check) {
    r = change->check (p, change->opaque);
    if (r < 0)
      journal_unhold (p);
  }
  if (r < 0)
    return r;
  journal_freeze (p, &cut->journal);
  cut->generation = p->open_gen;
  cut->epoch = p->epoch;
  for (i = 0; i < p->dirty.len; ++i)
    freeze (p, cut, p->dirty.ptr[i]);
  p->dirty.len = 0;
  cut_space (p, urgent);
  p->frozen_epoch = p->epoch;
  p->open_gen++;
  atomic_store (&p->open_dirty, false);
  if (change)
    change->apply (p, cut, change->opaque);
  for (i = 0; i < cut->items.len; ++i)
    fix_record (cut->items.ptr[i].v);
  for (i = 0; i < cut->records.len; ++i)
    fix_record (cut->records.ptr[i]);
  cut->next_epoch = p->epoch;
  if (w->cut)
    w->cut (w->opaque, cut->journal.seq);
  return 0;
}

/* ---- diff ---------------------------------------------------------------- */

/* DST's record gets SRC's root, and the root one more reference. */
static int
share_root (struct pool *p, struct cut_share *s)
{
  const struct format_entry *e = &s->src->rec.root.entry;
  struct format_record *rec = &s->dst->rec;

  WRLOCK_FOR_SCOPE (&s->dst->lock);
  rec->root = s->src->rec.root;
  rec->mapped = s->src->rec.mapped;
  rec->nodes = s->src->rec.nodes;
  s->dst->root_entry = *e;
  s->dst->levels = rec->root.levels;
  if (format_type (e) != FORMAT_NODE)
    return 0;
  return refs_add (p, format_place (e), 1);
}

/* The blocks that maps have come to name. */
static int
mark_mapped (struct pool *p, struct cut *cut)
{
  size_t i;
  int r = 0;

  for (i = 0; i < cut->allocated.len && r == 0; ++i)
    r = cut_allocated (p, cut->allocated.ptr[i]);
  cut->allocated.len = 0;
  return r;
}

static int
cut_diff (struct pool *p, struct cut *cut, bool reap)
{
  size_t i;
  int r = 0;

  for (i = 0; i < cut->before.len && r == 0; ++i)
    r = share_root (p, &cut->before.ptr[i]);
  for (i = 0; i < cut->items.len && r == 0; ++i) {
    struct cut_item *item = &cut->items.ptr[i];
    struct format_record *rec = &item->v->rec;

    if (!item->map)
      continue;
    cut->by_journal = item->by_journal;
    r = diff_item (p, cut, item);
    rec->root.entry = item->entry;
    rec->root.levels = (uint8_t) item->levels;
    rec->mapped = htole64 (item->mapped);
    rec->nodes = htole64 (item->nodes);
  }
  cut->by_journal = false;
  if (r == 0)
    r = mark_mapped (p, cut);
  for (i = 0; i < cut->after.len && r == 0; ++i)
    r = share_root (p, &cut->after.ptr[i]);
  if (r == 0 && reap)
    r = reap_step (p, cut);

  for (i = 0; i < cut->items.len && r == 0; ++i)
    table_store (p, cut->items.ptr[i].v);
  for (i = 0; i < cut->records.len && r == 0; ++i)
    table_store (p, cut->records.ptr[i]);
  return r;
}

/* ---- place and write ----------------------------------------------------- */

static int
cut_place (struct pool *p, struct cut *cut)
{
  uint64_t placed;
  int r;

  do {
    placed = 0;
    r = systree_place (&p->table_tree, cut, &placed);
    if (r == 0)
      r = systree_place (&p->backed_tree, cut, &placed);
    if (r == 0)
      r = systree_place (&p->refs_tree, cut, &placed);
    if (r == 0)
      r = systree_place (&p->space_tree, cut, &placed);
    if (r == 0)
      r = mark_mapped (p, cut);
  } while (r == 0 && placed > 0);

  if (r == 0)
    r = systree_emit (&p->table_tree, cut);
  if (r == 0)
    r = systree_emit (&p->backed_tree, cut);
  if (r == 0)
    r = systree_emit (&p->refs_tree, cut);
  if (r == 0)
    r = systree_emit (&p->space_tree, cut);
  return r;
}

static int
by_place (const void *a, const void *b)
{
  const struct cut_write *x = a, *y = b;

  return x->place < y->place ? -1 : x->place > y->place;
}

/* Neighbours in one call.  The queue is empty afterwards. */
static int
cut_write (struct pool *p, struct cut *cut)
{
  const uint64_t bs = p->block_size;
  size_t i, n;
  int r;

  if (cut->writes.len > 1)
    qsort (cut->writes.ptr, cut->writes.len, sizeof cut->writes.ptr[0],
           by_place);
  for (i = 0; i < cut->writes.len; i += n) {
    const struct cut_write *w = &cut->writes.ptr[i];

    for (n = 0; i + n < cut->writes.len && (n + 1) * bs <= STAGING
           && w[n].place == w->place + n; ++n)
      memcpy (p->staging + n * bs, w[n].data, bs);
    r = vdev_write (p->backing, p->staging, n * bs, w->place * bs, 0);
    if (r < 0)
      return base_fail_in (r, "writing metadata");
    atomic_fetch_add (&p->n_metadata_bytes, n * bs);
  }
  r = node_vector_reserve (&cut->nodes, cut->writes.len);
  if (r < 0)
    return base_fail (ENOMEM, "out of memory");
  for (i = 0; i < cut->writes.len; ++i) {
    free (cut->writes.ptr[i].owned);
    if (cut->writes.ptr[i].node)
      cut->nodes.ptr[cut->nodes.len++] = cut->writes.ptr[i].node;
  }
  cut->writes.len = 0;
  return 0;
}

int
cut_queue (struct pool *p, struct cut *cut, struct cut_write w)
{
  int r = 0;

  if (cut->writes.len >= QUEUE)
    r = cut_write (p, cut);
  if (r == 0 && cut_write_vector_append (&cut->writes, w) < 0)
    r = base_fail (ENOMEM, "out of memory");
  if (r < 0) {
    free (w.owned);
    node_unref (w.node);
  }
  return r;
}

static int
cut_super (struct pool *p, struct cut *cut)
{
  struct format_super *s = &p->super;
  int r;

  r = super_marker (p, cut->generation - 1);
  if (r == 0)
    r = backing_sync (p);
  if (r < 0)
    return base_fail_in (r, "flush");
  s->generation = htole64 (cut->generation);
  s->epoch = htole32 (cut->next_epoch);
  s->allocated = htole64 (p->allocated);
  s->blocks = htole64 (pool_blocks (p));
  s->next_id = htole64 (p->next_id);
  s->slots = htole32 (p->slots);
  s->written = (int64_t) htole64 ((uint64_t) base_wall_seconds ());
  s->clean = 0;
  s->nonce = p->nonce;
  journal_fill_super (p, s, &cut->journal);
  systree_root (&p->table_tree, &s->table);
  systree_root (&p->space_tree, &s->space);
  systree_root (&p->refs_tree, &s->refs);
  systree_root (&p->backed_tree, &s->backed);
  format_super_seal (s);
  r = super_write_copies (p, s);
  if (r < 0)
    return base_fail_in (r, "writing the superblock");
  r = backing_sync (p);
  return r < 0 ? base_fail_in (r, "flush") : 0;
}

/* ---- settle -------------------------------------------------------------- */

/* True if the pool was full and no longer is. */
static bool
release_space (struct pool *p, struct cut *cut)
{
  struct space *s = &p->space;
  size_t i;
  uint64_t j;
  LOCK_FOR_SCOPE (&s->lock);

  for (i = cut->window_next; i < cut->window.len; ++i)
    for (j = 0; j < cut->window.ptr[i].count; ++j) {
      places_give_locked (p, cut->window.ptr[i].place + j);
      s->window--;
    }
  s->pending += s->frozen_actual;
  s->frozen_actual = s->frozen_estimate = 0;
  s->urgent = false;
  for (i = 0; i < cut->freed_nodes.len; ++i)
    limbo_add_locked (p, cut->freed_nodes.ptr[i], LIMBO_NODE);
  for (i = 0; i < cut->freed_data.len; ++i)
    limbo_add_locked (p, cut->freed_data.ptr[i], LIMBO_DATA);
  limbo_drain_locked (p);
  base_cond_broadcast (&s->changed);
  if (!s->full || space_available_locked (p) < (int64_t) s->max_blocks)
    return false;
  s->full = false;
  return true;
}

static void
cut_settle (struct pool *p, struct cut *cut)
{
  size_t i;

  for (i = 0; i < cut->nodes.len; ++i) {
    node_is_clean (cut->nodes.ptr[i]);
    node_unref (node_insert_clean (p, cut->nodes.ptr[i]));
  }
  cut->nodes.len = 0;
  for (i = 0; i < cut->items.len; ++i)
    tree_settle (cut->items.ptr[i].v, &cut->items.ptr[i]);
  if (release_space (p, cut))
    event_log (p, POOL_EVENT_NOT_FULL, "", "no longer full");
  refs_trim (p);
  atomic_fetch_add (&p->totals.checkpoints, 1);
  fill_update (p);
}

static void
cut_free_memory (struct cut *cut)
{
  size_t i;

  for (i = 0; i < cut->items.len; ++i) {
    node_unref (cut->items.ptr[i].root);
    volume_unref (cut->items.ptr[i].v);
  }
  for (i = 0; i < cut->writes.len; ++i) {
    free (cut->writes.ptr[i].owned);
    node_unref (cut->writes.ptr[i].node);
  }
  for (i = 0; i < cut->nodes.len; ++i)
    node_unref (cut->nodes.ptr[i]);
  node_vector_reset (&cut->nodes);
  cut_item_vector_reset (&cut->items);
  cut_share_vector_reset (&cut->before);
  cut_share_vector_reset (&cut->after);
  volume_vector_reset (&cut->records);
  cut_write_vector_reset (&cut->writes);
  place_vector_reset (&cut->freed_nodes);
  place_vector_reset (&cut->freed_data);
  place_vector_reset (&cut->allocated);
  journal_cut_reset (&cut->journal);
  extent_vector_reset (&cut->window);
}

/* The caller holds the commit.  An error without poison (ENOMEM, or what the
 * change's check said): nothing happened.
 */
int
commit_run (struct pool *p, struct change *change, bool reap)
{
  struct cut cut;
  size_t i;
  int r;

  memset (&cut, 0, sizeof cut);
  if (pool_poisoned (p) < 0)
    return poisoned_error ();
  r = cut_share_vector_reserve (&cut.before, CHANGE_MAX);
  if (r == 0)
    r = cut_share_vector_reserve (&cut.after, change ? change->size : 0);
  if (r == 0)
    r = volume_vector_reserve (&cut.records,
                               change ? 2 * change->size + CHANGE_MAX : 0);
  if (r < 0)
    r = base_fail (ENOMEM, "out of memory");
  else
    r = cut_begin (p, &cut, change, change != NULL || reap);
  if (r < 0) {
    cut_free_memory (&cut);
    return r;
  }

  write_gate_close (p);
  r = journal_after_cut (p, &cut.journal, change == NULL);
  if (r == 0)
    r = cut_diff (p, &cut, reap);
  if (r == 0)
    r = cut_place (p, &cut);
  if (r == 0)
    r = cut_write (p, &cut);
  if (r == 0)
    r = cut_super (p, &cut);
  write_gate_open (p);
  if (r < 0) {
    r = commit_poison (p, -r, "commit failed");
    if (change && change->failed)
      change->failed (p, change->opaque);
    cut_free_memory (&cut);
    return r;
  }

  for (i = 0; i < cut.records.len; ++i)
    atomic_store (&cut.records.ptr[i]->durable, true);
  base_mutex_lock (&p->commit.lock);
  p->commit.durable = cut.generation;
  base_cond_broadcast (&p->commit.done);
  base_mutex_unlock (&p->commit.lock);
  /* Up to here nothing was let go of that the new trees name. */
  if (p->commit.pin)
    *p->commit.pin = reader_enter (p);
  journal_settle (p, &cut.journal);
  cut_settle (p, &cut);
  cut_free_memory (&cut);
  return 0;
}

int
commit_run_pinned (struct pool *p, struct reader *reader)
{
  int r;

  p->commit.pin = reader;
  r = commit_run (p, NULL, false);
  p->commit.pin = NULL;
  return r;
}
