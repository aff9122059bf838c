/* SPDX-License-Identifier: BSD-3-Clause
 *
 * pool: making, opening and closing, and the background thread.
 *
 * Opening recovers.  What the journal has beyond the trees is applied to the
 * maps in memory (replay.c).  The superblock that was chosen may be one that
 * only the page cache shows (a flush failed, and the process went on to be
 * started again): so before anything else it is written once more, slot and
 * twin, with what is not proven of the journal, and flushed.  Then the state
 * is written as the next generation, with a new nonce, to the other slot and
 * twin, and flushed, and once more as the generation after that: now no
 * superblock of an older run remains.  A crash anywhere in this leads to the
 * same state.
 *
 * A pool that is opened for reading does without those parts of its own trees
 * that are damaged: to read a volume takes its record and its map alone.
 *
 * Making a pool is in make.c.
 */

#include <config.h>

#include <stdlib.h>

#include "pool-internal.h"

#define DEFAULT_CACHE (UINT64_C (64) << 20)
#define DEFAULT_INTERVAL 5000
#define STAGING (UINT64_C (1) << 20)

/* ---- memory -------------------------------------------------------------- */

void
pool_free (struct pool *p)
{
  struct volume *v;

  while (p->volumes) {
    v = p->volumes;
    p->volumes = v->next;
    volume_unref (v);
  }
  while (p->dirty.len > 0)
    volume_unref (p->dirty.ptr[--p->dirty.len]);
  volume_vector_reset (&p->dirty);
  node_cache_free (p);
  places_free (p);
  refs_free (p);
  journal_free (p);
  systree_free (&p->space_tree);
  systree_free (&p->refs_tree);
  systree_free (&p->backed_tree);
  systree_free (&p->table_tree);
  free (p->durable_bits);
  free (p->backed_bits);
  free (p->backing_bits);
  free (p->table);
  free (p->slot_busy);
  free (p->staging);
  free (p->name);
  free ((char *) p->options.control_socket);
  space_free (p);
  base_mutex_destroy (&p->table_lock);
  base_mutex_destroy (&p->gate_lock);
  base_cond_destroy (&p->gate_opened);
  base_mutex_destroy (&p->dirty_lock);
  base_mutex_destroy (&p->back_lock);
  base_mutex_destroy (&p->fill.lock);
  base_mutex_destroy (&p->work_lock);
  base_mutex_destroy (&p->worker_lock);
  base_mutex_destroy (&p->commit.lock);
  base_mutex_destroy (&p->events.lock);
  base_mutex_destroy (&p->scrub.lock);
  base_mutex_destroy (&p->spare_lock);
  base_rwlock_destroy (&p->publish);
  base_rwlock_destroy (&p->long_requests);
  base_rwlock_destroy (&p->hole_makers);
  base_cond_destroy (&p->drained);
  base_cond_destroy (&p->worker_wake);
  base_cond_destroy (&p->commit.done);
  base_cond_destroy (&p->events.changed);
  base_cond_destroy (&p->scrub.ended);
  free (p);
}

struct pool *
pool_alloc (const struct pool_options *options)
{
  struct pool *p = base_calloc (1, sizeof *p);

  if (p == NULL)
    return NULL;
  base_mutex_init (&p->table_lock);
  base_mutex_init (&p->gate_lock);
  base_cond_init (&p->gate_opened);
  base_mutex_init (&p->dirty_lock);
  base_mutex_init (&p->back_lock);
  base_mutex_init (&p->fill.lock);
  base_mutex_init (&p->work_lock);
  base_mutex_init (&p->worker_lock);
  base_mutex_init (&p->commit.lock);
  base_mutex_init (&p->events.lock);
  base_mutex_init (&p->scrub.lock);
  base_mutex_init (&p->spare_lock);
  base_rwlock_init (&p->publish);
  base_rwlock_init (&p->long_requests);
  base_rwlock_init (&p->hole_makers);
  base_cond_init (&p->drained);
  base_cond_init (&p->worker_wake);
  base_cond_init (&p->commit.done);
  base_cond_init (&p->events.changed);
  base_cond_init (&p->scrub.ended);
  space_init (p);
  atomic_store (&p->reader_epoch, 3);
  if (options)
    p->options = *options;
  p->options.control_socket = options && options->control_socket
    ? base_strdup (options->control_socket) : NULL;
  p->name = base_strdup (options && options->name ? options->name : "pool");
  p->staging = base_malloc (STAGING);
  if (p->options.commit_interval_ms == 0)
    p->options.commit_interval_ms = DEFAULT_INTERVAL;
  if (journal_alloc (p) < 0 || p->name == NULL || p->staging == NULL) {
    pool_free (p);
    return NULL;
  }
  return p;
}

static int
fill_space_page (struct systree *t, uint64_t i, void *buf)
{
  struct pool *p = t->pool;
  const uint64_t first = i * t->items / 64;
  const uint64_t words = BASE_MIN (t->items, pool_blocks (p) - i * t->items);

  memset (buf, 0, p->block_size);
  memcpy (buf, p->durable_bits + first, base_div_up (words, 64) * 8);
  return 0;
}

static int
fill_backed_page (struct systree *t, uint64_t i, void *buf)
{
  struct pool *p = t->pool;
  const uint64_t n = BASE_MIN (t->items, pool_slabs (p) - i * t->items);

  memset (buf, 0, p->block_size);
  memcpy (buf, p->backed_bits + i * t->items / 64, base_div_up (n, 64) * 8);
  return 0;
}

/* Everything whose size follows from the geometry in p->super. */
int
pool_set_up (struct pool *p)
{
  const struct format_super *s = &p->super;
  const uint64_t blocks = le64toh (s->blocks);
  uint64_t bits, slabs;
  int r;

  p->block_shift = s->block_shift;
  p->fan_shift = s->block_shift - 4;
  p->block_size = 1U << p->block_shift;
  p->fan = 1U << p->fan_shift;
  p->slab_blocks = UINT64_C (1) << s->slab_shift;
  atomic_store (&p->blocks, blocks);
  p->mix_seed = base_crc32c (s->uuid, sizeof s->uuid);
  p->epoch = le32toh (s->epoch);
  p->next_id = le64toh (s->next_id);
  p->slots = le32toh (s->slots);
  bits = (uint64_t) p->block_size * 8;
  slabs = pool_slabs (p);
  space_limits (p);
  r = journal_set_up (p);
  if (r < 0)
    return r;

  p->durable_bits = base_calloc (base_div_up (blocks, 64), 8);
  p->backed_bits = base_calloc (base_div_up (slabs, 64), 8);
  p->backing_bits = base_calloc (base_div_up (slabs, 64), 8);
  p->table = base_calloc (p->slots, sizeof p->table[0]);
  p->slot_busy = base_calloc (p->slots, sizeof p->slot_busy[0]);
  if (p->durable_bits == NULL || p->backed_bits == NULL
      || p->backing_bits == NULL || p->table == NULL || p->slot_busy == NULL)
    return base_fail (ENOMEM, "out of memory");
  r = places_init (p);
  if (r == 0)
    r = systree_init (&p->space_tree, p, "space", blocks, bits);
  if (r == 0)
    r = systree_init (&p->refs_tree, p, "refs", blocks, p->block_size / 4);
  if (r == 0)
    r = systree_init (&p->backed_tree, p, "backed", slabs, bits);
  if (r == 0)
    r = systree_init (&p->table_tree, p, "table", p->slots,
                      p->block_size / FORMAT_RECORD_SIZE);
  if (r == 0)
    r = refs_init (p);
  if (r == 0)
    r = node_cache_init (p, p->options.cache_size ? p->options.cache_size
                         : DEFAULT_CACHE);
  p->space_tree.fill = fill_space_page;
  p->backed_tree.fill = fill_backed_page;
  p->refs_tree.fill = refs_fill;
  p->table_tree.fill = table_fill;
  return r;
}

/* ---- a clean end --------------------------------------------------------- */

/* One more generation that says so. */
int
pool_close_clean (struct pool *p)
{
  struct format_super *s = &p->super;
  int r;

  s->generation = htole64 (le64toh (s->generation) + 1);
  s->incompatible &= ~htole64 (FORMAT_INCOMPATIBLE_JOURNAL);
  s->clean = htole32 (1);
  s->written = (int64_t) htole64 ((uint64_t) base_wall_seconds ());
  format_super_seal (s);
  r = super_write_copies (p, s);
  if (r == 0)
    r = backing_sync (p);
  if (r == 0)
    r = super_marker (p, le64toh (s->generation));
  if (r == 0)
    r = super_owner (p, true);
  if (r == 0)
    r = backing_sync (p);
  return r;
}

/* ---- opening ------------------------------------------------------------- */

static int
load_space_page (struct systree *t, uint64_t i, const void *buf)
{
  struct pool *p = t->pool;
  const uint64_t n = BASE_MIN (t->items, pool_blocks (p) - i * t->items);

  memcpy (p->durable_bits + i * t->items / 64, buf,
          base_div_up (n, 64) * 8);
  return 0;
}

static int
load_backed_page (struct systree *t, uint64_t i, const void *buf)
{
  struct pool *p = t->pool;
  const uint64_t n = BASE_MIN (t->items, pool_slabs (p) - i * t->items);

  memcpy (p->backed_bits + i * t->items / 64, buf, base_div_up (n, 64) * 8);
  return 0;
}

static void
set_generation (struct pool *p)
{
  p->commit.durable = le64toh (p->super.generation);
  p->open_gen = p->commit.durable + 1;
}

static int
load_trees (struct pool *p)
{
  const struct format_super *s = &p->super;
  const uint64_t blocks = pool_blocks (p);
  uint64_t i;
  int r;

  r = systree_load (&p->space_tree, &s->space, load_space_page);
  if (r == 0)
    r = systree_load (&p->backed_tree, &s->backed, load_backed_page);
  if (r == 0)
    r = systree_load (&p->table_tree, &s->table, table_leaf);
  if (r == 0)
    r = systree_load (&p->refs_tree, &s->refs, NULL);
  if (r < 0)
    return r;
  for (i = 0; i < base_div_up (blocks, 64); ++i)
    p->allocated += (unsigned) __builtin_popcountll (p->durable_bits[i]);
  if (p->allocated != le64toh (s->allocated) && !atomic_load (&p->damaged))
    return base_fail (EBADMSG, "space tree: %" PRIu64 " blocks are marked, "
                      "the superblock says %" PRIu64, p->allocated,
                      le64toh (s->allocated));
  memcpy (p->backing_bits, p->backed_bits,
          base_div_up (pool_slabs (p), 64) * 8);
  for (i = 0; i < pool_slabs (p); ++i)
    if (bit_get (p->backed_bits, i))
      places_add_slab_locked (p, i, false);
  return table_load (p);
}

int
pool_write_next (struct pool *p)
{
  struct format_super *s = &p->super;
  int r;

  s->generation = htole64 (le64toh (s->generation) + 1);
  s->nonce = p->nonce;
  s->clean = 0;
  journal_fill_super (p, s, NULL);
  format_super_seal (s);
  r = super_write_copies (p, s);
  if (r == 0)
    r = backing_sync (p);
  if (r == 0)
    set_generation (p);
  return r;
}

/* Free blocks that a checkpoint may find missing. */
static uint64_t
missing_for_commit (struct pool *p)
{
  uint64_t floor;
  LOCK_FOR_SCOPE (&p->space.lock);

  floor = space_floor_locked (p);
  return floor > p->space.free ? floor - p->space.free : 0;
}

/* What the ring had goes into the trees.  The run that wrote it had room for
 * that: in slabs that it backed since its last checkpoint, which are to be had
 * again, or in places that it let go of.  These come last: nothing that the
 * ring replaced is needed any more, now that what replaced it is flushed.
 */
int
pool_checkpoint_replayed (struct pool *p)
{
  uint64_t missing;
  int r = 0;

  for (missing = missing_for_commit (p); missing > 0 && r == 0;
       missing = missing_for_commit (p))
    r = backing_grow (p, missing);
  if (r == -ENOSPC)
    journal_release (p);
  else if (r < 0)
    return r;
  r = commit_hold (p);
  if (r < 0)
    return r;
  r = commit_run (p, NULL, false);
  commit_release (p);
  return r;
}

static int
recover (struct pool *p, bool replayed)
{
  int r;

  r = super_write_copies (p, &p->super);
  if (r == 0)
    r = journal_back_ring (p);
  if (r == 0)
    r = backing_sync (p);
  if (r == 0)
    r = replayed ? pool_checkpoint_replayed (p) : pool_write_next (p);
  if (r == 0)
    r = super_owner (p, false);
  if (r == 0)
    r = pool_write_next (p);
  if (r == 0)
    r = backing_reserve (p);
  return r == -ENOSPC ? 0 : r;  /* full, and it serves what it has */
}

static void
say_opened (struct pool *p, bool clean, unsigned bad, uint64_t replayed)
{
  char how[100] = "clean";

  char uuid[BASE_UUID_TEXT];

  base_uuid_format (p->super.uuid, uuid);
  if (!clean)
    snprintf (how, sizeof how, "recovered %" PRIu64 " transactions after a "
              "stop that was not clean", replayed);
  event_log (p, POOL_EVENT_OPENED, "", "opened%s: uuid %s, version %d, "
             "generation %" PRIu64 ", %s",
             p->options.readonly ? " read-only" : "", uuid, FORMAT_VERSION,
             le64toh (p->super.generation), how);
  if (bad > 0 && clean)
    event_log (p, POOL_EVENT_REPAIRED, "", "%u of 4 superblock copies "
               "damaged: opened from another%s", bad,
               p->options.readonly ? "; open it for writing to repair them"
               : " and written anew");
}

/* Transactions of the journal up to LIMIT.  -ESTALE: the data of the last one,
 * END, did not arrive.
 */
static int
open_upto (struct pool *p, uint64_t limit, unsigned *bad, uint64_t *end)
{
  struct format_super *s = &p->super;
  int r;

  r = super_find (p->backing, s, bad);
  if (r == 0 && (le64toh (s->readonly) & ~FORMAT_READONLY_KNOWN))
    p->options.readonly = true;
  if (r == 0 && !p->options.readonly && vdev_has (p->backing, VDEV_RO))
    r = base_fail (EROFS, "the backing is read-only; use readonly=true");
  if (r == 0)
    r = pool_set_up (p);
  if (r == 0)
    r = replay_look_around (p);
  if (r == 0)
    r = load_trees (p);
  if (r < 0)
    return r;
  set_generation (p);
  return replay (p, limit, end);
}

int
pool_open (struct vdev *backing, const struct pool_options *options,
           struct pool **ret)
{
  uint64_t limit = UINT64_MAX, end = 0, replayed;
  struct pool *p;
  unsigned bad = 0;
  bool clean;
  int r;

  for (;;) {
    p = pool_alloc (options);
    if (p == NULL)
      return base_fail (ENOMEM, "out of memory");
    p->backing = backing;
    base_random_bytes (&p->nonce, sizeof p->nonce);
    r = open_upto (p, limit, &bad, &end);
    if (r != -ESTALE)
      break;
    pool_free (p);
    limit = end - 1;
  }
  clean = r == 0 && le32toh (p->super.clean) == 1;
  replayed = r == 0 ? end - le64toh (p->super.journal_tail_seq) : 0;
  if (r == 0 && !p->options.readonly)
    r = recover (p, replayed > 0);
  if (r < 0) {
    pool_free (p);
    return r;
  }
  stats_begin (p);
  say_opened (p, clean, bad, replayed);
  fill_begin (p);
  *ret = p;
  return 0;
}

int
pool_set_control_socket (struct pool *p, const char *path)
{
  char *copy = path ? base_strdup (path) : NULL;

  if (path && copy == NULL)
    return base_fail (ENOMEM, "out of memory");
  free ((char *) p->options.control_socket);
  p->options.control_socket = copy;
  return p->options.readonly ? 0 : super_owner (p, false);
}

/* ---- background work ----------------------------------------------------- */

static int
reap (struct pool *p)
{
  int r;

  r = commit_hold (p);
  if (r < 0)
    return r;
  r = commit_run (p, NULL, true);
  commit_release (p);
  if (r == 0 && atomic_load (&p->orphans) == 0)
    r = manage_after_reclaim (p);
  return r;
}

/* The ring fills, or many nodes are dirty, or it has been a while. */
static bool
checkpoint_is_due (struct pool *p)
{
  bool many;

  if (!atomic_load (&p->open_dirty))
    return false;
  base_mutex_lock (&p->space.lock);
  many = p->space.dirty > p->space.max_dirty / 2;
  base_mutex_unlock (&p->space.lock);
  return many || journal_wants_checkpoint (p);
}

int
pool_work (struct pool *p)
{
  int r;
  LOCK_FOR_SCOPE (&p->work_lock);

  if (p->options.readonly || pool_poisoned (p) < 0)
    return 0;
  if (atomic_load (&p->imports_left) > 0) {
    r = import_drop_left (p);
    return r < 0 ? r : 1;
  }
  if (atomic_load (&p->orphans) > 0) {
    r = reap (p);
    return r < 0 ? r : 1;
  }
  if (checkpoint_is_due (p)) {
    r = commit_to (p, commit_target (p));
    if (r < 0)
      return r;
  }
  r = backing_ahead (p);
  return r != 0 ? r : backing_punch (p);
}

int
pool_reclaim (struct pool *p)
{
  int r;

  do
    r = pool_work (p);
  while (r == 1);
  return r;
}

void
pool_wake (struct pool *p)
{
  LOCK_FOR_SCOPE (&p->worker_lock);

  p->worker_kick = true;
  base_cond_signal (&p->worker_wake);
}

/* Wait for a kick or until NEXT; true = stop. */
static bool
worker_wait (struct pool *p, uint64_t next, bool busy)
{
  const uint64_t now = base_monotonic_ns ();
  LOCK_FOR_SCOPE (&p->worker_lock);

  if (!busy && !p->worker_stop && !p->worker_kick && now < next)
    base_cond_timedwait (&p->worker_wake, &p->worker_lock,
                         (next - now) / 1000000 + 1);
  p->worker_kick = false;
  return p->worker_stop;
}

static void *
worker (void *opaque)
{
  struct pool *p = opaque;
  const uint64_t interval = p->options.commit_interval_ms * 1000000;
  uint64_t next = base_monotonic_ns () + interval;
  int r;

  do {
    r = pool_work (p);
    if (base_monotonic_ns () < next && !journal_wants_commit (p))
      continue;
    /* What nobody has flushed for a while, or what has become long. */
    if (!p->options.readonly && pool_poisoned (p) == 0)
      (void) journal_to (p, journal_target (p));
    next = base_monotonic_ns () + interval;
  } while (!worker_wait (p, next, r == 1));
  return NULL;
}

int
pool_start (struct pool *p)
{
  int r;

  if (p->worker_started)
    return 0;
  r = vdev_start (p->backing);
  if (r == 0)
    r = base_thread_create (&p->worker, worker, p);
  if (r == 0)
    p->worker_started = true;
  return r;
}

static void
stop_worker (struct pool *p)
{
  if (!p->worker_started)
    return;
  base_mutex_lock (&p->worker_lock);
  p->worker_stop = true;
  base_cond_signal (&p->worker_wake);
  base_mutex_unlock (&p->worker_lock);
  base_thread_join (&p->worker);
  p->worker_started = false;
}

/* ---- closing ------------------------------------------------------------- */

int
pool_flush (struct pool *p)
{
  if (p->options.readonly)
    return 0;
  return journal_to (p, journal_target (p));
}

int
pool_checkpoint (struct pool *p)
{
  if (p->options.readonly)
    return 0;
  return commit_to (p, commit_target (p));
}

int
pool_close (struct pool *p)
{
  struct vdev *backing = p->backing;
  int r = 0;

  stop_worker (p);
  if (!p->options.readonly) {
    r = pool_checkpoint (p);
    if (r == 0)
      r = pool_close_clean (p);
    if (r == 0)
      event_log (p, POOL_EVENT_CLOSED, "", "closed cleanly");
  }
  pool_free (p);
  vdev_unref (backing);
  return r;
}

void
pool_abandon (struct pool *p)
{
  struct vdev *backing = p->backing;

  stop_worker (p);
  pool_free (p);
  vdev_unref (backing);
}
