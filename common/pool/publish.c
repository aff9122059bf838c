/* SPDX-License-Identifier: BSD-3-Clause
 *
 * publish: the moment at which a change takes effect.
 *
 * A request comes here when its data stands in its new places.  Under
 * publish (shared: any number of requests, but no cut) and the volume's lock
 * the map is surveyed once more, the charge is compared with what the change
 * takes now, the paths are made dirty, and then all its entries are set: for
 * every other thread, and for every commit, the whole request happens at
 * once or not at all.  Whatever may fail comes before the first entry is set.
 *
 * What is replaced goes one of two ways:
 *   exclusive (birth > snap_epoch)     the journal lets go of it (journal.c)
 *   maybe shared                       the checkpoint will find out
 *   in the trees, of an import under   the checkpoint: replay drops imports
 *   way                                with the map that the trees have
 *
 * The birth of a mapping is the epoch read here, not when the data was
 * written: a snapshot may have come between.
 */

#include <config.h>

#include <stdlib.h>

#include "pool-internal.h"

#define SMALL 18                /* blocks without allocation, as in write.c */

/* What one publish does to the pool's counters. */
struct effect {
  uint64_t exclusive;           /* blocks that the checkpoint will free */
  uint64_t maybe;               /* ... that it may free */
  struct place_vector now;      /* ... that the journal lets go of */
  uint64_t small[SMALL];        /* room for `now` */
};

/* Room for N more blocks in E->now. */
static int
effect_reserve (struct effect *e, uint64_t n)
{
  struct place_vector large = { NULL, 0, 0 };
  int r;

  if (e->now.cap - e->now.len >= n)
    return 0;
  if (e->now.ptr != e->small)
    return place_vector_reserve (&e->now, n);
  r = place_vector_reserve (&large, e->now.len + n);
  if (r < 0)
    return r;
  memcpy (large.ptr, e->small, e->now.len * sizeof e->small[0]);
  large.len = e->now.len;
  e->now = large;
  return 0;
}

static void
effect_init (struct effect *e)
{
  e->exclusive = e->maybe = 0;
  e->now = (struct place_vector) { e->small, 0, SMALL };
}

static void
effect_free (struct effect *e)
{
  if (e->now.ptr != e->small)
    place_vector_reset (&e->now);
}

/* ---- survey -------------------------------------------------------------- */

/* With the commit held: does V's map alone reach BLOCK?  No path above it is
 * shared and it has one reference.
 */
static int
exclusive_exactly (struct volume *v, uint64_t block, uint64_t place,
                   bool *exclusive)
{
  struct pool *p = v->pool;
  CLEANUP_NODE struct node *n = NULL;
  struct node *child;
  const struct format_entry *e;
  uint32_t refs = 0, i;
  int r;

  *exclusive = false;
  if (v->root)
    n = node_ref (v->root);
  else {
    n = node_cached (p, &v->root_entry, v->levels - 1);
    if (n == NULL)
      return -EAGAIN;
  }
  for (;;) {
    e = n->dirty ? (n->origin ? &n->origin->self : NULL) : &n->self;
    if (e) {
      r = refs_get (p, format_place (e), &refs);
      if (r < 0 || refs > 0)
        return r;
    }
    if (n->level == 0)
      break;
    i = (block >> (p->fan_shift * n->level)) & (p->fan - 1);
    if (n->child && n->child[i])
      child = node_ref (n->child[i]);
    else {
      child = node_cached (p, &n->e[i], n->level - 1);
      if (child == NULL)
        return -EAGAIN;
    }
    node_unref (n);
    n = child;
  }
  r = refs_get (p, place, &refs);
  *exclusive = r == 0 && refs == 0;
  return r;
}

static int
is_exclusive (struct edit *edit, uint64_t block,
              const struct format_entry *old, bool *exclusive)
{
  *exclusive = tree_exclusive_birth (edit->v, format_birth (old));
  if (*exclusive || !edit->exact)
    return 0;
  return exclusive_exactly (edit->v, block, format_place (old), exclusive);
}

static bool
any_data (const struct format_entry *e, uint64_t n)
{
  uint64_t i;

  for (i = 0; i < n; ++i)
    if (format_type (&e[i]) == FORMAT_DATA)
      return true;
  return false;
}

static bool
expected (const struct edit *edit, uint64_t block,
          const struct format_entry *now)
{
  unsigned i;

  for (i = 0; i < edit->nexpect; ++i)
    if (edit->expect[i].block == block
        && !format_entry_same (&edit->expect[i].e, now))
      return false;
  return true;
}

/* One leaf's worth of EDIT, from BLOCK; LEAF may be NULL. */
static int
survey_leaf (struct edit *edit, uint64_t block, uint64_t n,
             const struct node *leaf, struct survey *s)
{
  static const struct format_entry hole;
  const uint32_t fan = edit->v->pool->fan;
  uint64_t i;
  int r;

  for (i = 0; i < n; ++i) {
    const struct format_entry *new = &edit->e[block + i - edit->block];
    const struct format_entry *old
      = leaf ? &leaf->e[(block + i) % fan] : &hole;
    bool exclusive = false;

    if (!expected (edit, block + i, old))
      s->changed = true;
    if (format_type (new) != FORMAT_DATA)
      continue;
    s->data++;
    if (format_type (old) == FORMAT_DATA) {
      r = is_exclusive (edit, block + i, old, &exclusive);
      if (r < 0)
        return r;
    }
    s->growth += !exclusive;
  }
  return 0;
}

/* Nodes from HOLE_LEVEL down that the leaf at BLOCK lacks and no leaf before
 * it in this edit lacked.
 */
static uint64_t
missing_nodes (const struct edit *edit, uint64_t block, unsigned hole_level,
               uint64_t *last_leaf)
{
  const struct pool *p = edit->v->pool;
  uint64_t n = 0;
  unsigned level;

  for (level = 0; level <= hole_level; ++level) {
    const unsigned shift = p->fan_shift * (level + 1);

    if (*last_leaf == UINT64_MAX || (*last_leaf >> shift) != (block >> shift))
      n++;
  }
  *last_leaf = block;
  return n;
}

/* -EAGAIN: FOUND says what to read first. */
static int
survey_locked (struct edit *edit, struct survey *s, struct found *found)
{
  const uint32_t fan = edit->v->pool->fan;
  const uint64_t end = edit->block + edit->count;
  uint64_t block, n, last_leaf = UINT64_MAX;
  int r;

  memset (s, 0, sizeof *s);
  for (block = edit->block; block < end; block += n) {
    n = BASE_MIN (end - block, fan - block % fan);
    r = tree_find_locked (edit->v, block, found);
    if (r < 0)
      return r;
    if (found->leaf == NULL
        && any_data (&edit->e[block - edit->block], n))
      s->missing += missing_nodes (edit, block, found->hole_level,
                                   &last_leaf);
    r = survey_leaf (edit, block, n, found->leaf, s);
    node_unref (found->leaf);
    if (r < 0) {
      found->miss_level = FORMAT_MAX_LEVELS;    /* look from the top */
      return r;
    }
  }
  return 0;
}

/* After -EAGAIN, with no lock held. */
static int
fetch (struct volume *v, struct found *found, struct node **pin)
{
  if (found->miss_level == FORMAT_MAX_LEVELS)
    return 0;
  return tree_fetch (v, found, pin);
}

int
publish_survey (struct edit *edit, struct survey *survey)
{
  CLEANUP_NODE struct node *pin = NULL;
  struct found found;
  int r;

  for (;;) {
    base_rwlock_rdlock (&edit->v->lock);
    r = survey_locked (edit, survey, &found);
    base_rwlock_unlock (&edit->v->lock);
    if (r != -EAGAIN)
      return r;
    r = fetch (edit->v, &found, &pin);
    if (r < 0)
      return r;
  }
}

/* ---- setting entries ----------------------------------------------------- */

/* Do trees that are durable, or being written, name what is in slot I of
 * LEAF?
 */
static bool
in_trees (const struct pool *p, const struct node *leaf, uint32_t i)
{
  const struct node *was
    = leaf->dirty && leaf->txn == p->open_gen ? leaf->origin : leaf;

  return was && format_entry_same (&was->e[i], &leaf->e[i]);
}

/* What stands in slot I of LEAF goes away. */
static void
replace_old (struct edit *edit, uint64_t block, struct node *leaf, uint32_t i,
             struct effect *effect)
{
  const struct format_entry *old = &leaf->e[i];
  bool exclusive = false;

  if (format_type (old) != FORMAT_DATA)
    return;
  edit->v->mapped--;
  if (tree_exclusive_birth (edit->v, format_birth (old))
      && (edit->v->rec.kind != FORMAT_INCOMPLETE
          || !in_trees (edit->v->pool, leaf, i)))
    effect->now.ptr[effect->now.len++] = format_place (old);
  else if (is_exclusive (edit, block, old, &exclusive) == 0 && exclusive)
    effect->exclusive++;
  else
    effect->maybe++;
}

static void
set_leaf (struct edit *edit, uint64_t block, uint64_t n, struct node *leaf,
          struct effect *effect)
{
  struct pool *p = edit->v->pool;
  uint64_t j;

  for (j = 0; j < n; ++j) {
    const struct format_entry *new = &edit->e[block + j - edit->block];
    const uint32_t i = (block + j) % p->fan;
    struct format_entry *e = &leaf->e[i];

    leaf->live -= format_type (e) != FORMAT_HOLE;
    replace_old (edit, block + j, leaf, i, effect);
    if (format_type (new) == FORMAT_DATA) {
      const uint64_t place = format_place (new);

      format_entry_set (e, FORMAT_DATA, place, p->epoch,
                        le32toh (new->check)
                        ^ pool_mix (p, place, p->epoch));
      edit->v->mapped++;
      leaf->live++;
    }
    else
      memset (e, 0, sizeof *e);
  }
}

/* Make every path dirty that will be written.  What fails is undone. */
static int
dirty_paths (struct edit *edit)
{
  const uint32_t fan = edit->v->pool->fan;
  const uint64_t end = edit->block + edit->count;
  uint64_t block, n;
  struct node *leaf;
  int r = 0;

  for (block = edit->block; block < end && r == 0; block += n) {
    struct found found;

    n = BASE_MIN (end - block, fan - block % fan);
    if (!any_data (&edit->e[block - edit->block], n)) {
      r = tree_find_locked (edit->v, block, &found);
      if (r == 0 && found.leaf == NULL)
        continue;
      node_unref (r == 0 ? found.leaf : NULL);
    }
    if (r == 0)
      r = tree_dirty_locked (edit->v, block, 0, &leaf);
  }
  if (r < 0)
    for (block = edit->block; block < end; block += n) {
      n = BASE_MIN (end - block, fan - block % fan);
      tree_prune_locked (edit->v, block);
    }
  return r;
}

static void
set_entries (struct edit *edit, struct effect *effect)
{
  const uint32_t fan = edit->v->pool->fan;
  const uint64_t end = edit->block + edit->count;
  uint64_t block, n;

  for (block = edit->block; block < end; block += n) {
    struct found found;

    n = BASE_MIN (end - block, fan - block % fan);
    /* The path is open: found without the cache, and no reference needed. */
    if (tree_find_locked (edit->v, block, &found) < 0 || found.leaf == NULL)
      continue;
    set_leaf (edit, block, n, found.leaf, effect);
    if (found.leaf->live == 0)
      tree_detach_locked (edit->v, block, 0);
    node_unref (found.leaf);
  }
}

/* ---- the charge ---------------------------------------------------------- */

/* Does the charge still cover what the survey says?  Raise it if not. */
static int
recharge (struct pool *p, struct charge *c, const struct survey *s)
{
  struct space *sp = &p->space;
  const uint64_t growth = s->growth > c->growth ? s->growth - c->growth : 0;
  const uint64_t nodes = s->missing > c->nodes ? s->missing - c->nodes : 0;

  assert (s->data == c->data);
  if (growth + nodes == 0)
    return 0;
  LOCK_FOR_SCOPE (&sp->lock);
  if (space_available_locked (p) < (int64_t) (growth + nodes)
      || (nodes > 0 && sp->free < space_floor_locked (p) + nodes))
    return -ENOSPC;
  sp->neutral -= growth;
  c->growth += growth;
  sp->owed += nodes;
  c->nodes += nodes;
  return 0;
}

/* Under publish, so that the counts join the transaction they belong to.
 * space.lock is held.
 */
static void
settle_effect_locked (struct pool *p, struct effect *effect)
{
  struct space *s = &p->space;

  s->pending += effect->exclusive + effect->now.len;
  s->open_pending += effect->exclusive;
  s->open_maybe += effect->maybe;
  effect->exclusive = effect->maybe = 0;
}

/* The first NOW places that were replaced: no state but the open one named
 * them.
 */
static void
let_go (struct pool *p, const struct effect *effect, size_t now)
{
  size_t i;

  if (now == 0)
    return;
  LOCK_FOR_SCOPE (&p->space.lock);
  for (i = 0; i < now; ++i)
    limbo_add_locked (p, effect->now.ptr[i], LIMBO_WARM);
  limbo_drain_locked (p);
}

static void
settle_charge_locked (struct pool *p, struct charge *c)
{
  struct space *s = &p->space;

  s->neutral -= c->data - c->growth;
  s->owed -= c->nodes;
  s->dirty_held -= c->dirty;
  c->held = false;
  c->places.len = 0;
  if (s->first)
    base_cond_broadcast (&s->changed);
}

/* The places of C belong to the map now. */
void
publish_settle_charge (struct pool *p, struct charge *c)
{
  LOCK_FOR_SCOPE (&p->space.lock);

  settle_charge_locked (p, c);
}

/* ---- publish ------------------------------------------------------------- */

static int
check_live (struct pool *p, const struct handle *h)
{
  if (h && atomic_load (&h->shut))
    return base_fail (ESHUTDOWN, "connection ended");
  if (pool_poisoned (p) < 0)
    return base_fail (EIO, "poisoned after an earlier error");
  return 0;
}

/* publish and volume->lock are held.  FOUND: what -EDEADLK wants read. */
static int
publish_locked (struct edit *edit, struct found *found, struct effect *effect)
{
  struct pool *p = edit->v->pool;
  struct survey s;
  size_t now;
  int r;

  r = check_live (p, edit->h);
  if (r < 0)
    return r;
  r = survey_locked (edit, &s, found);
  if (r == -EAGAIN)
    return -EDEADLK;
  if (r < 0)
    return r;
  if (s.changed)
    return -EAGAIN;
  r = tree_join_locked (edit->v);
  if (r == 0)
    r = recharge (p, edit->charge, &s);
  if (r < 0)
    return r;
  r = journal_reserve (p, &edit->room, edit->count, edit->count);
  if (r < 0)
    return r;
  r = dirty_paths (edit);
  if (r == -EAGAIN) {
    found->miss_level = FORMAT_MAX_LEVELS;
    r = -EDEADLK;
  }
  if (r < 0) {
    journal_unreserve (p, &edit->room);
    return r;
  }

  set_entries (edit, effect);
  base_mutex_lock (&p->space.lock);
  settle_effect_locked (p, effect);
  settle_charge_locked (p, edit->charge);
  fill_look_locked (p);
  base_mutex_unlock (&p->space.lock);
  journal_publish (p, edit, effect->now.ptr, effect->now.len, &now);
  let_go (p, effect, now);
  return 0;
}

int
publish_edit (struct edit *edit)
{
  struct pool *p = edit->v->pool;
  CLEANUP_NODE struct node *pin = NULL;
  struct effect effect;
  struct found found;
  int r;

  effect_init (&effect);
  r = effect_reserve (&effect, edit->count);
  while (r == 0) {
    base_rwlock_rdlock (&p->publish);
    base_rwlock_wrlock (&edit->v->lock);
    r = publish_locked (edit, &found, &effect);
    base_rwlock_unlock (&edit->v->lock);
    base_rwlock_unlock (&p->publish);
    if (r != -EDEADLK)
      break;
    r = fetch (edit->v, &found, &pin);
  }
  effect_free (&effect);
  return r;
}

/* ---- holes --------------------------------------------------------------- */

/* Blocks [BLOCK, BLOCK + N) of LEAF become holes; the whole leaf goes if
 * that leaves it empty.
 */
static int
unmap_leaf (struct edit *edit, uint64_t block, uint64_t n, struct node *leaf,
            struct effect *effect)
{
  struct volume *v = edit->v;
  const uint32_t first = block % v->pool->fan;
  struct node *parent;
  uint32_t i, gone = 0;
  bool whole;
  int r;

  for (i = first; i < first + n; ++i)
    gone += format_type (&leaf->e[i]) != FORMAT_HOLE;
  if (gone == 0)
    return 0;
  whole = gone == leaf->live;
  r = effect_reserve (effect, gone);
  if (r == 0)
    r = journal_reserve (v->pool, &edit->room, 1, gone);
  if (r == 0)
    r = tree_join_locked (v);
  if (r == 0 && !whole)
    r = tree_dirty_locked (v, block, 0, &leaf);
  else if (r == 0 && v->levels > 1)
    r = tree_dirty_locked (v, block, 1, &parent);
  if (r < 0)
    return r;

  for (i = first; i < first + n; ++i) {
    replace_old (edit, block + i - first, leaf, i, effect);
    if (!whole && format_type (&leaf->e[i]) != FORMAT_HOLE) {
      memset (&leaf->e[i], 0, sizeof leaf->e[i]);
      leaf->live--;
    }
  }
  if (whole)
    tree_detach_locked (v, block, 0);
  edit->changed = true;
  return 0;
}

/* From *CURSOR on.  -EDEADLK: FOUND has to be read first. */
static int
unmap_locked (struct edit *edit, uint64_t *cursor, struct found *found,
              struct effect *effect)
{
  struct pool *p = edit->v->pool;
  const uint64_t end = edit->block + edit->count;
  uint64_t span;
  int r;

  r = check_live (p, edit->h);
  while (r == 0 && *cursor < end) {
    r = tree_find_locked (edit->v, *cursor, found);
    if (r < 0)
      return -EDEADLK;
    span = found->leaf ? p->fan : tree_span (p, found->hole_level);
    span = BASE_MIN (end - *cursor, span - *cursor % span);
    if (found->leaf) {
      r = unmap_leaf (edit, *cursor, span, found->leaf, effect);
      node_unref (found->leaf);
      if (r == -EAGAIN) {
        found->miss_level = FORMAT_MAX_LEVELS;
        return -EDEADLK;
      }
    }
    if (r == 0)
      *cursor += span;
  }
  return r;
}

int
publish_unmap (struct volume *v, struct handle *h, uint64_t block, uint64_t n,
               struct charge *c, uint64_t *txn)
{
  struct pool *p = v->pool;
  struct edit edit = { .v = v, .h = h, .block = block, .count = n };
  CLEANUP_NODE struct node *pin = NULL;
  struct effect effect;
  struct found found;
  uint64_t cursor = block, from;
  size_t now;
  int r;

  effect_init (&effect);
  do {
    from = cursor;
    edit.changed = false;
    base_rwlock_rdlock (&p->publish);
    base_rwlock_wrlock (&v->lock);
    r = unmap_locked (&edit, &cursor, &found, &effect);
    base_mutex_lock (&p->space.lock);
    settle_effect_locked (p, &effect);
    fill_look_locked (p);
    base_mutex_unlock (&p->space.lock);
    if (edit.changed) {
      journal_publish_unmap (p, &edit, from, cursor - from, effect.now.ptr,
                             effect.now.len, &now);
      let_go (p, &effect, now);
    }
    journal_unreserve (p, &edit.room);
    effect.now.len = 0;
    base_rwlock_unlock (&v->lock);
    base_rwlock_unlock (&p->publish);
    if (r == -EDEADLK) {
      r = fetch (v, &found, &pin);
      if (r == 0)
        r = -EDEADLK;
    }
  } while (r == -EDEADLK);

  effect_free (&effect);
  space_release (p, c);
  *txn = edit.txn;
  return r;
}
