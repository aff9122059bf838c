/* SPDX-License-Identifier: BSD-3-Clause
 *
 * resize: volumes grow and shrink, and the pool grows.
 *
 * Growing a volume changes its record, and puts new root nodes on top of its
 * map when that has too few levels; connections keep the size they know.
 *
 * Shrinking is one commit, however much is cut off: a hidden orphan takes a
 * reference on the whole map, the volume's own copy of the path to the new
 * end loses what lies behind it, and reclaiming the orphan frees exactly
 * that.  A last block that is only partly kept is written anew with its rest
 * zeroed, for bytes beyond a volume's end are always zero.
 */

#include <config.h>

#include <stdlib.h>

#include "pool-internal.h"
#include "manage-internal.h"
#include "io-internal.h"

/* ---- more levels --------------------------------------------------------- */

/* publish is held exclusively. */
static int
raise_locked (struct volume *v, unsigned levels)
{
  struct pool *p = v->pool;
  struct node *root;
  int r = 0;
  WRLOCK_FOR_SCOPE (&v->lock);

  while (v->levels < levels && r == 0) {
    if (v->root == NULL && format_type (&v->root_entry) == FORMAT_HOLE) {
      v->levels = levels;
      return 0;
    }
    r = tree_join_locked (v);
    root = r == 0 ? node_new (p, v->levels, p->open_gen) : NULL;
    if (root == NULL)
      return -ENOMEM;
    root->child[0] = v->root;
    root->e[0] = v->root ? root->e[0] : v->root_entry;
    root->live = 1;
    v->root = root;
    v->levels++;
    v->nodes++;
    base_mutex_lock (&p->space.lock);
    p->space.owed++;
    p->space.dirty++;
    base_mutex_unlock (&p->space.lock);
    atomic_store (&p->open_dirty, true);
  }
  return r;
}

int
manage_raise (struct volume *v, unsigned levels)
{
  int r;
  WRLOCK_FOR_SCOPE (&v->pool->publish);

  if (levels > v->levels) {
    r = manage_check_space (v->pool, levels - v->levels);
    if (r < 0)
      return r;
  }
  return raise_locked (v, levels);
}

/* ---- growing a volume ---------------------------------------------------- */

struct grow {
  struct volume *v;
  uint64_t size;
  unsigned levels;
};

static int
check_grow (struct pool *p, void *opaque)
{
  struct grow *g = opaque;
  int r = 0;

  if (g->levels > g->v->levels) {
    r = manage_check_space (p, g->levels - g->v->levels);
    if (r == 0)
      r = raise_locked (g->v, g->levels);
  }
  return r;
}

static void
apply_grow (struct pool *p, struct cut *cut, void *opaque)
{
  struct grow *g = opaque;

  g->v->rec.size = htole64 (g->size);
  /* An empty map has no node that would carry its levels. */
  if (format_type (&g->v->rec.root.entry) == FORMAT_HOLE)
    g->v->rec.root.levels = (uint8_t) g->v->levels;
  manage_add_record (cut, g->v);
  manage_effect (p, g->v->id);
}

static int
grow_volume (struct pool *p, struct volume *v, uint64_t size)
{
  struct grow g = { v, size, manage_levels (p, size) };
  struct change change = { .check = check_grow, .apply = apply_grow,
    .opaque = &g, .size = 1 };
  int r;

  r = commit_hold (p);
  if (r < 0)
    return r;
  r = commit_run (p, &change, false);
  commit_release (p);
  return r;
}

/* ---- shrinking a volume -------------------------------------------------- */

struct shrink {
  struct volume *v, *orphan;
  uint64_t size, end;           /* bytes, blocks */
  uint64_t mapped, nodes;       /* what lies behind the end */
  struct format_entry last;
  bool have_last;
  char *buf;                    /* the last block's content, */
  struct charge charge;         /* and its place */
  uint64_t wanted;
};

/* The block that is only partly kept, if it is a block of data: its new
 * content.  Nobody writes to the volume.
 */
static int
read_last (struct pool *p, struct shrink *s)
{
  const uint64_t bs = p->block_size, keep = s->size % bs;
  struct format_entry e;
  bool hole;
  int64_t n;
  int r;

  if (keep == 0)
    return 0;
  n = tree_lookup (s->v, s->end - 1, 1, &e, 1, &hole);
  if (n < 0)
    return (int) n;
  if (hole || format_type (&e) != FORMAT_DATA)
    return 0;
  s->buf = base_malloc (bs);
  if (s->buf == NULL)
    return base_fail (ENOMEM, "out of memory");
  r = io_read_block (s->v, s->end - 1, &e, s->buf);
  if (r == 0)
    memset (s->buf + keep, 0, bs - keep);
  return r;
}

/* ... and its new place.  -EAGAIN: not right now.  Waiting would be with
 * table_lock, which who grows the pool needs, while he keeps others from
 * backing slabs.
 */
static int
write_last (struct pool *p, struct shrink *s)
{
  const uint64_t bs = p->block_size;
  uint64_t place;
  int r;

  if (s->buf == NULL)
    return 0;
  s->have_last = true;
  if (base_is_zero (s->buf, bs))
    return 0;
  s->charge.data = s->charge.growth = 1;
  r = space_admit (p, &s->charge, NULL, true);
  if (r < 0)
    return r;
  place = s->charge.places.ptr[0].place;
  format_entry_set (&s->last, FORMAT_DATA, place, 0,
                    base_crc32c (s->buf, bs));
  r = vdev_write (p->backing, s->buf, bs, place * bs, 0);
  return r < 0 ? base_fail_in (r, "%s", s->v->label) : 0;
}

static int
check_shrink (struct pool *p, void *opaque)
{
  struct shrink *s = opaque;
  struct volume *v = s->v;
  int r;

  s->wanted = v->nodes - BASE_MIN (v->shared, v->nodes);
  r = manage_check_space (p, s->wanted);
  if (r < 0)
    return r;
  /* As if a snapshot had been taken: the orphan shares it all. */
  v->snap_epoch = p->epoch++;
  volume_set_shared (v, v->nodes);
  r = walk_truncate (v, s->end, s->have_last ? &s->last : NULL);
  if (r < 0)
    return r;
  v->mapped -= s->mapped;
  v->nodes -= s->nodes;
  volume_set_shared (v, BASE_MIN (v->shared, v->nodes));
  if (s->charge.held)
    publish_settle_charge (p, &s->charge);
  return 0;
}

static void
apply_shrink (struct pool *p, struct cut *cut, void *opaque)
{
  struct shrink *s = opaque;

  s->orphan->snap_epoch = UINT32_MAX;
  s->orphan->rec.epoch = htole32 (cut->epoch);
  s->orphan->mapped = s->mapped;
  atomic_fetch_add (&p->orphans, 1);
  volume_link_locked (p, s->orphan);
  cut->before.ptr[cut->before.len++]
    = (struct cut_share) { .dst = s->orphan, .src = s->v };
  s->v->rec.size = htole64 (s->size);
  manage_add_record (cut, s->v);
  manage_add_record (cut, s->orphan);
  manage_effect (p, s->v->id);
}

static int
shrink_held (struct pool *p, struct shrink *s)
{
  struct change change = { .check = check_shrink, .apply = apply_shrink,
    .opaque = s, .size = 1 };
  int r;

  r = commit_run (p, NULL, false);      /* the map is clean after this */
  if (r == 0)
    r = walk_count (s->v, s->end, &s->mapped, &s->nodes);
  if (r == 0)
    r = manage_new_volume (p, FORMAT_ORPHAN, "", NULL, &s->orphan);
  if (r < 0)
    return r;
  do {
    r = walk_prepare (s->v, s->end - 1);
    if (r == 0)
      r = commit_run (p, &change, false);
  } while (r == -EAGAIN);
  if (r < 0 && volume_by_id_locked (p, s->orphan->id) == NULL)
    manage_forget (s->orphan);
  return r;
}

static int
shrink_volume (struct pool *p, struct volume *v, uint64_t size,
               unsigned flags, uint64_t *wanted)
{
  struct shrink s = { .v = v, .size = size,
    .end = base_div_up (size, p->block_size) };
  int r;

  if (!(flags & POOL_SHRINK))
    return base_fail (EINVAL, "%s: smaller than it is: data past the new end "
                      "would be lost; use --shrink", v->label);
  r = manage_no_connections (v, flags & POOL_FORCE);
  if (r == 0) {
    struct reader reader = reader_enter (p);

    r = read_last (p, &s);
    reader_exit (p, reader);
  }
  if (r == 0)
    r = write_last (p, &s);
  if (r == 0)
    r = commit_hold (p);
  if (r == 0) {
    r = shrink_held (p, &s);
    commit_release (p);
  }
  free (s.buf);
  /* What is missing is missing beside the last block's place. */
  *wanted = BASE_MAX (s.wanted, 2 * FORMAT_MAX_LEVELS) + s.charge.growth;
  space_release (p, &s.charge);
  extent_vector_reset (&s.charge.places);
  return r;
}

static int
try_resize (struct pool *p, const char *volume, uint64_t size, unsigned flags,
            uint64_t *wanted)
{
  struct volume *v;
  LOCK_FOR_SCOPE (&p->table_lock);

  v = manage_find (p, volume);
  if (v == NULL)
    return -ENOENT;
  if (size == le64toh (v->rec.size))
    return 0;
  *wanted = 2 * FORMAT_MAX_LEVELS;
  if (size > le64toh (v->rec.size))
    return grow_volume (p, v, size);
  return shrink_volume (p, v, size, flags, wanted);
}

int
pool_resize (struct pool *p, const char *volume, uint64_t size,
             unsigned flags)
{
  unsigned idle = 0;
  uint64_t wanted = 0;
  int r;

  r = pool_check_name (volume, 0);
  if (r == 0)
    r = manage_check_size (volume, size);
  if (r < 0)
    return r;
  if (p->options.readonly)
    return base_fail (EROFS, "the pool is open read-only");
  do {
    r = try_resize (p, volume, size, flags, &wanted);
    if (r == -EAGAIN) {
      r = space_wait (p);
      continue;
    }
    if (r != -ENOSPC)
      break;
    r = manage_make_room (p, wanted, &idle);
  } while (r == 0);
  pool_wake (p);
  return manage_result (r, volume);
}

/* ---- growing the pool ---------------------------------------------------- */

static uint64_t *
grow_bits (uint64_t *bits, uint64_t old, uint64_t new)
{
  const uint64_t a = base_div_up (old, 64), b = base_div_up (new, 64);
  uint64_t *x = base_realloc (bits, b * sizeof x[0]);

  if (x)
    memset (x + a, 0, (b - a) * sizeof x[0]);
  return x;
}

/* journal.lock and space.lock are held: nobody looks at what moves. */
static int
grow_locked (struct pool *p, uint64_t blocks)
{
  const uint64_t old = pool_blocks (p);
  const uint64_t old_slabs = pool_slabs (p);
  const uint64_t slabs = blocks / p->slab_blocks;
  uint64_t *x;
  int r;

  x = grow_bits (p->durable_bits, old, blocks);
  if (x == NULL)
    goto nomem;
  p->durable_bits = x;
  x = grow_bits (p->backed_bits, old_slabs, slabs);
  if (x == NULL)
    goto nomem;
  p->backed_bits = x;
  x = grow_bits (p->backing_bits, old_slabs, slabs);
  if (x == NULL)
    goto nomem;
  p->backing_bits = x;

  r = refs_resize (p, base_div_up (blocks, p->refs_tree.items));
  if (r == 0)
    r = systree_resize (&p->space_tree, blocks);
  if (r == 0)
    r = systree_resize (&p->refs_tree, blocks);
  if (r == 0)
    r = systree_resize (&p->backed_tree, slabs);
  if (r < 0)
    return r;
  atomic_store (&p->blocks, blocks);
  r = places_resize (p, old);
  if (r < 0) {
    atomic_store (&p->blocks, old);
    return r;
  }
  space_limits (p);
  return 0;

 nomem:
  return base_fail (ENOMEM, "out of memory");
}

static int
grow_held (struct pool *p, uint64_t capacity)
{
  uint64_t blocks;
  int r;

  if (capacity == 0)
    capacity = vdev_size (p->backing);
  blocks = capacity / p->block_size / p->slab_blocks * p->slab_blocks;
  if (blocks < pool_blocks (p))
    return base_fail (EINVAL, "a pool cannot get smaller: it has %" PRIu64
                      " bytes", pool_blocks (p) * p->block_size);
  if (blocks > FORMAT_MAX_BLOCKS)
    return base_fail (EINVAL, "capacity %" PRIu64 " is too large", capacity);
  if (blocks == pool_blocks (p))
    return 0;
  if (blocks * p->block_size > vdev_size (p->backing)) {
    r = vdev_resize (p->backing, blocks * p->block_size);
    if (r < 0)
      return base_fail_in (r, "growing the backing");
  }
  base_mutex_lock (&p->journal.lock);
  base_mutex_lock (&p->space.lock);
  r = journal_resize_locked (p, pool_blocks (p), blocks);
  if (r == 0)
    r = grow_locked (p, blocks);
  base_mutex_unlock (&p->space.lock);
  base_mutex_unlock (&p->journal.lock);
  return r == 0 ? commit_run (p, NULL, false) : r;
}

int
pool_grow (struct pool *p, uint64_t capacity)
{
  struct vdev_stat st;
  int r;

  /* Nobody backs or punches meanwhile. */
  LOCK_FOR_SCOPE (&p->back_lock);
  r = manage_begin (p);
  if (r < 0)
    return r;
  (void) vdev_stat (p->backing, &st);   /* a block device looks again */
  r = grow_held (p, capacity);
  manage_end (p);
  return r;
}
