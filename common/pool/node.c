/* SPDX-License-Identifier: BSD-3-Clause
 *
 * node: nodes of the maps in memory, and the cache of clean ones.
 *
 * A clean node is what stands on disk at a place: immutable, shared by every
 * volume whose map reaches it, found by its place through a hash table, and
 * dropped by a clock when the cache is over its budget and nobody holds it.
 * A dirty node is a private copy that waits for the next checkpoint; it is
 * reached only through the parent's child pointers (all ancestors of a dirty
 * node are dirty), never through the cache.
 *
 * Because parents name children by place and check, and a place gets new
 * contents only after it was forgotten here (node_forget, called before the
 * place may be allocated again), a hit never needs the disk.  The entry is
 * compared all the same: a mismatch is treated as a miss.
 *
 * Why no pointers between clean nodes: a node may have many parents
 * (snapshots share), so eviction would have to find them all.
 *
 * The memory of a node that is gone is kept and used for the next one.  The
 * threads that free nodes are seldom those that make them, and the C library
 * gives each thread its own heap: under random writes more of it lay idle
 * than was in use (bench/pool-cost memory).  Not with the sanitizers, which
 * are to see that a node is gone.
 */

#include <config.h>

#include <stdlib.h>

#include "pool-internal.h"

static size_t
node_bytes (const struct pool *p)
{
  return sizeof (struct node) + p->block_size;
}

struct node *
node_ref (struct node *n)
{
  atomic_fetch_add_explicit (&n->refs, 1, memory_order_relaxed);
  return n;
}

/* ---- memory -------------------------------------------------------------- */

static struct node *
take_spare (struct pool *p)
{
  LOCK_FOR_SCOPE (&p->spare_lock);
  struct node *n = p->spare;

  if (n)
    p->spare = n->hash_next;
  return n;
}

static void
give_spare (struct pool *p, struct node *n)
{
  LOCK_FOR_SCOPE (&p->spare_lock);

  n->hash_next = p->spare;
  p->spare = n;
}

static void
node_free (struct node *n)
{
  struct pool *p = n->pool;
  uint32_t i;

  if (n->child) {
    for (i = 0; i < p->fan; ++i)
      node_unref (n->child[i]);
    free (n->child);
  }
  node_unref (n->origin);
  node_unref (n->clean);
  if (BASE_SANITIZED)
    free (n);
  else
    give_spare (p, n);
}

void
node_unref (struct node *n)
{
  if (n == NULL)
    return;
  if (atomic_fetch_sub_explicit (&n->refs, 1, memory_order_acq_rel) == 1)
    node_free (n);
}

void
node_cleanup_unref (struct node **np)
{
  node_unref (*np);
}

static struct node *
node_alloc (struct pool *p, unsigned level)
{
  struct node *n = BASE_SANITIZED ? NULL : take_spare (p);

  if (n == NULL)
    n = base_malloc (node_bytes (p));
  if (n == NULL) {
    base_fail (ENOMEM, "out of memory");
    return NULL;
  }
  memset (n, 0, sizeof *n);
  atomic_init (&n->refs, 1);
  atomic_init (&n->used, true);
  n->level = level;
  n->pool = p;
  return n;
}

static int
node_alloc_children (struct pool *p, struct node *n)
{
  if (n->level == 0)
    return 0;
  n->child = base_calloc (p->fan, sizeof n->child[0]);
  if (n->child == NULL)
    return base_fail (ENOMEM, "out of memory");
  return 0;
}

struct node *
node_new (struct pool *p, unsigned level, uint64_t txn)
{
  struct node *n = node_alloc (p, level);

  if (n == NULL)
    return NULL;
  memset (n->e, 0, p->block_size);
  n->dirty = true;
  n->txn = txn;
  if (node_alloc_children (p, n) < 0) {
    node_unref (n);
    return NULL;
  }
  return n;
}

/* A clean node that is about to be written; the caller fills it. */
struct node *
node_new_clean (struct pool *p, unsigned level)
{
  return node_alloc (p, level);
}

void
node_is_clean (struct node *n)
{
  if (!n->dirty)
    return;
  n->dirty = false;
  node_unref (n->origin);
  n->origin = NULL;
}

struct node *
node_copy (struct pool *p, struct node *from, uint64_t txn)
{
  struct node *n = node_alloc (p, from->level);
  uint32_t i;

  if (n == NULL)
    return NULL;
  memcpy (n->e, from->e, p->block_size);
  n->dirty = true;
  n->txn = txn;
  n->live = from->live;
  if (node_alloc_children (p, n) < 0) {
    node_unref (n);
    return NULL;
  }
  if (n->child && from->child)
    for (i = 0; i < p->fan; ++i)
      if (from->child[i])
        n->child[i] = node_ref (from->child[i]);
  n->origin = node_ref (from);
  return n;
}

/* ---- cache --------------------------------------------------------------- */

int
node_cache_init (struct pool *p, size_t bytes)
{
  const size_t limit
    = BASE_MAX (bytes / node_bytes (p) / NODE_SHARDS, (size_t) 4);
  unsigned i;

  for (i = 0; i < NODE_SHARDS; ++i) {
    struct node_shard *s = &p->cache[i];

    base_mutex_init (&s->lock);
    s->limit = limit;
    s->nbuckets = UINT64_C (1) << base_log2 (BASE_MAX (limit, 16) * 2 - 1);
    s->bucket = base_calloc (s->nbuckets, sizeof s->bucket[0]);
    if (s->bucket == NULL)
      return base_fail (ENOMEM, "out of memory for the node cache");
  }
  return 0;
}

void
node_cache_free (struct pool *p)
{
  struct node *n;
  unsigned i;
  size_t j;

  for (i = 0; i < NODE_SHARDS; ++i) {
    struct node_shard *s = &p->cache[i];

    for (j = 0; j < s->nclock; ++j)
      node_unref (s->clock[j]);
    free (s->clock);
    free (s->bucket);
    s->clock = NULL;
    s->bucket = NULL;
    s->nclock = 0;
    base_mutex_destroy (&s->lock);
  }
  for (n = take_spare (p); n; n = take_spare (p))
    free (n);
}

static uint64_t
node_hash (uint64_t place)
{
  return (place * UINT64_C (0x9e3779b97f4a7c15)) >> 16;
}

static struct node_shard *
node_shard_of (struct pool *p, uint64_t place)
{
  return &p->cache[node_hash (place) % NODE_SHARDS];
}

static struct node **
node_slot_locked (struct node_shard *s, uint64_t place)
{
  struct node **np
    = &s->bucket[(node_hash (place) / NODE_SHARDS) & (s->nbuckets - 1)];

  while (*np && format_place (&(*np)->self) != place)
    np = &(*np)->hash_next;
  return np;
}

/* Take clock[I] out of the shard; the caller drops the cache's reference. */
static void
node_remove_locked (struct node_shard *s, size_t i)
{
  struct node *n = s->clock[i];
  struct node **np = node_slot_locked (s, format_place (&n->self));

  assert (*np == n);
  *np = n->hash_next;
  n->hash_next = NULL;
  s->clock[i] = s->clock[--s->nclock];
  s->clock[i]->clock_index = i;
}

/* Make room for one more: at most two rounds of the clock. */
static void
node_evict_locked (struct node_shard *s)
{
  size_t tries = 2 * s->nclock;

  while (s->nclock >= s->limit && tries-- > 0) {
    struct node *n;

    if (s->hand >= s->nclock)
      s->hand = 0;
    n = s->clock[s->hand];
    if (atomic_load_explicit (&n->refs, memory_order_relaxed) == 1
        && !atomic_exchange_explicit (&n->used, false,
                                      memory_order_relaxed)) {
      node_remove_locked (s, s->hand);
      node_unref (n);
    }
    else
      s->hand++;
  }
}

struct node *
node_cached (struct pool *p, const struct format_entry *e, unsigned level)
{
  struct node_shard *s = node_shard_of (p, format_place (e));
  LOCK_FOR_SCOPE (&s->lock);
  struct node *n = *node_slot_locked (s, format_place (e));

  /* In a damaged pool two entries may name one node at two levels; what is
   * right for one is not for the other.
   */
  if (n == NULL || n->level != level || !format_entry_same (&n->self, e))
    return NULL;
  atomic_store_explicit (&n->used, true, memory_order_relaxed);
  return node_ref (n);
}

struct node *
node_insert_clean (struct pool *p, struct node *n)
{
  const uint64_t place = format_place (&n->self);
  struct node_shard *s = node_shard_of (p, place);
  LOCK_FOR_SCOPE (&s->lock);
  struct node **np = node_slot_locked (s, place);

  if (*np) {
    if (format_entry_same (&(*np)->self, &n->self)
        && (*np)->level == n->level) {
      /* Somebody else was faster. */
      struct node *other = node_ref (*np);
      node_unref (n);
      return other;
    }
    struct node *old = *np;
    node_remove_locked (s, old->clock_index);
    node_unref (old);
  }
  node_evict_locked (s);
  if (s->nclock == s->cap) {
    size_t cap = BASE_MAX (s->cap * 2, (size_t) 16);
    struct node **c = base_realloc (s->clock, cap * sizeof c[0]);

    if (c == NULL) {
      node_unref (n);
      return NULL;
    }
    s->clock = c;
    s->cap = cap;
  }
  np = node_slot_locked (s, place);
  n->hash_next = NULL;
  *np = node_ref (n);
  n->clock_index = s->nclock;
  s->clock[s->nclock++] = n;
  return n;
}

void
node_forget (struct pool *p, uint64_t place)
{
  struct node_shard *s = node_shard_of (p, place);
  LOCK_FOR_SCOPE (&s->lock);
  struct node *n = *node_slot_locked (s, place);

  if (n) {
    node_remove_locked (s, n->clock_index);
    node_unref (n);
  }
}

/* ---- reading ------------------------------------------------------------- */

/* Count the live slots and refuse what no node of LEVEL may hold, so that
 * nothing later has to doubt a place or a type.
 */
static int
node_validate (struct pool *p, struct node *n)
{
  const uint64_t blocks = pool_blocks (p);
  uint32_t i;

  for (i = 0; i < p->fan; ++i) {
    const struct format_entry *e = &n->e[i];
    const unsigned type = format_type (e);

    if (e->word == 0 && e->birth == 0 && e->check == 0)
      continue;
    n->live++;
    if (n->level > 0 ? type != FORMAT_NODE
        : type != FORMAT_DATA && type != FORMAT_ZERO)
      return -EBADMSG;
    if (type != FORMAT_ZERO
        && (format_place (e) >= blocks
            || format_is_fixed (&p->super, format_place (e))))
      return -EBADMSG;
  }
  return 0;
}

int
node_load (struct pool *p, const struct format_entry *e, unsigned level,
           const char *who, struct node **ret)
{
  const uint64_t place = format_place (e);
  CLEANUP_NODE struct node *n = node_cached (p, e, level);
  int r;

  if (n) {
    *ret = n;
    n = NULL;
    return 0;
  }
  n = node_alloc (p, level);
  if (n == NULL)
    return -ENOMEM;
  r = vdev_read (p->backing, n->e, p->block_size, place * p->block_size);
  if (r < 0) {
    r = base_fail_in (r, "%s: map node at block %" PRIu64, who, place);
    event_backing (p, who, place);
    return r;
  }
  if ((base_crc32c (n->e, p->block_size)
       ^ pool_mix (p, place, format_birth (e))) != le32toh (e->check)
      || node_validate (p, n) < 0) {
    event_checksum (p, who, place, "a map node");
    return base_fail (EBADMSG, "%s: map node at block %" PRIu64
                      ", level %u: checksum error", who, place, level);
  }
  n->self = *e;
  *ret = node_insert_clean (p, n);
  n = NULL;
  /* Callers look in the cache again: one that is not there would be loaded
   * for ever.
   */
  return *ret ? 0 : base_fail (ENOMEM, "out of memory");
}
