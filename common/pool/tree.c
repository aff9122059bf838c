/* SPDX-License-Identifier: BSD-3-Clause
 *
 * tree: the map of a volume in memory.
 *
 *   volume->root ----> dirty node ----> dirty node ----> dirty leaf
 *                          |   \
 *                          |    child pointer to a frozen node (its commit
 *                          |    is running) and below it other frozen ones
 *                          entry of a clean node: found in the cache by place
 *
 * Changed nodes of the open transaction hang together at the top: whoever
 * dirties a node has dirtied all its ancestors.  A node of an older
 * transaction is never touched; it is copied first, and the copy remembers
 * it as its origin, which is how a commit later knows what was replaced.
 * Frozen nodes have no place yet, so copies refer to them by child pointers;
 * when their commit has settled, tree_settle puts entries in their stead.
 *
 * No node without entries ever stays linked (tree_detach_locked), so the
 * shape of a map is a function of its content.
 */

#include <config.h>

#include <stdlib.h>

#include "pool-internal.h"

static inline uint32_t
slot_of (const struct pool *p, uint64_t block, unsigned level)
{
  return (block >> (p->fan_shift * level)) & (p->fan - 1);
}

uint32_t
tree_birth (const struct pool *p, const struct node *n)
{
  return n->dirty ? p->frozen_epoch : format_birth (&n->self);
}

static bool
is_hole (const struct format_entry *e)
{
  return format_type (e) == FORMAT_HOLE;
}

/* ---- looking ------------------------------------------------------------- */

static int
find_miss (struct found *found, const struct format_entry *e, unsigned level)
{
  found->miss = *e;
  found->miss_level = level;
  return -EAGAIN;
}

int
tree_find_locked (struct volume *v, uint64_t block, struct found *found)
{
  struct pool *p = v->pool;
  CLEANUP_NODE struct node *n = NULL;
  struct node *child;
  unsigned level = v->levels - 1;

  found->leaf = NULL;
  if (v->root)
    n = node_ref (v->root);
  else if (is_hole (&v->root_entry)) {
    found->hole_level = level;
    return 0;
  }
  else {
    n = node_cached (p, &v->root_entry, level);
    if (n == NULL)
      return find_miss (found, &v->root_entry, level);
  }

  for (; level > 0; --level) {
    const uint32_t i = slot_of (p, block, level);

    if (n->child && n->child[i])
      child = node_ref (n->child[i]);
    else if (is_hole (&n->e[i])) {
      found->hole_level = level - 1;
      return 0;
    }
    else {
      child = node_cached (p, &n->e[i], level - 1);
      if (child == NULL)
        return find_miss (found, &n->e[i], level - 1);
    }
    node_unref (n);
    n = child;
  }
  found->leaf = n;
  n = NULL;
  return 0;
}

int
tree_fetch (struct volume *v, const struct found *found, struct node **pin)
{
  node_unref (*pin);
  *pin = NULL;
  return node_load (v->pool, &found->miss, found->miss_level, v->label, pin);
}

int64_t
tree_lookup (struct volume *v, uint64_t block, uint64_t n,
             struct format_entry *e, uint64_t room, bool *hole)
{
  struct pool *p = v->pool;
  CLEANUP_NODE struct node *pin = NULL;
  struct found found;
  uint64_t span;
  int r;

  *hole = false;
  for (;;) {
    base_rwlock_rdlock (&v->lock);
    r = tree_find_locked (v, block, &found);
    if (r == 0)
      break;
    base_rwlock_unlock (&v->lock);
    r = tree_fetch (v, &found, &pin);
    if (r < 0)
      return r;
  }

  if (found.leaf == NULL) {
    span = tree_span (p, found.hole_level);
    *hole = true;
  }
  else {
    span = p->fan;
    n = BASE_MIN (n, room);
    if (e)
      memcpy (e, &found.leaf->e[block % p->fan],
              BASE_MIN (n, p->fan - block % p->fan) * sizeof e[0]);
  }
  base_rwlock_unlock (&v->lock);
  node_unref (found.leaf);
  return BASE_MIN (n, span - block % span);
}

uint64_t
tree_path_nodes (const struct pool *p, unsigned levels, uint64_t block,
                 uint64_t n)
{
  uint64_t total = 0;
  unsigned level;

  for (level = 0; level < levels; ++level) {
    const unsigned shift = p->fan_shift * (level + 1);

    total += ((block + n - 1) >> shift) - (block >> shift) + 1;
  }
  return total;
}

/* ---- changing ------------------------------------------------------------ */

int
tree_join_locked (struct volume *v)
{
  struct pool *p = v->pool;
  int r;

  if (v->dirty_txn == p->open_gen)
    return 0;
  base_mutex_lock (&p->dirty_lock);
  r = volume_vector_append (&p->dirty, v);
  base_mutex_unlock (&p->dirty_lock);
  if (r < 0)
    return base_fail (ENOMEM, "out of memory");
  volume_ref (v);
  v->dirty_txn = p->open_gen;
  return 0;
}

/* The number of V's nodes that may be shared, in V and in the pool's sum. */
void
volume_set_shared (struct volume *v, uint64_t n)
{
  LOCK_FOR_SCOPE (&v->pool->space.lock);

  v->pool->space.shared += n - v->shared;
  v->shared = n;
}

/* A copy of FROM, or a new node, has become part of V's open transaction. */
static void
account_dirty (struct volume *v, const struct node *from)
{
  struct space *s = &v->pool->space;
  LOCK_FOR_SCOPE (&s->lock);

  s->dirty++;
  if (from == NULL) {
    v->nodes++;
    s->owed++;
  }
  else if (!tree_exclusive_birth (v, tree_birth (v->pool, from))) {
    /* The copy set aside when it was shared is now owed. */
    s->owed++;
    if (v->shared > 0) {
      v->shared--;
      s->shared--;
    }
  }
}

/* The opposite: a node of the open transaction will not be written. */
static void
account_undirty (struct volume *v, const struct node *n)
{
  struct space *s = &v->pool->space;
  LOCK_FOR_SCOPE (&s->lock);

  s->dirty--;
  if (n->origin == NULL
      || !tree_exclusive_birth (v, tree_birth (v->pool, n->origin)))
    s->owed--;
}

/* FROM (clean, frozen or NULL) as a dirty node of the open transaction. */
static int
make_dirty (struct volume *v, struct node *from, unsigned level,
            struct node **ret)
{
  struct pool *p = v->pool;

  *ret = from ? node_copy (p, from, p->open_gen)
    : node_new (p, level, p->open_gen);
  if (*ret == NULL)
    return -ENOMEM;
  account_dirty (v, from);
  return 0;
}

static bool
is_open (const struct pool *p, const struct node *n)
{
  return n->dirty && n->txn == p->open_gen;
}

/* The node that a root or a slot refers to, by pointer or by entry. */
static int
referred (struct pool *p, struct node *by_pointer,
          const struct format_entry *e, unsigned level, struct node **ret)
{
  *ret = NULL;
  if (by_pointer)
    *ret = node_ref (by_pointer);
  else if (!is_hole (e)) {
    *ret = node_cached (p, e, level);
    if (*ret == NULL)
      return -EAGAIN;
  }
  return 0;
}

static int
dirty_root (struct volume *v)
{
  CLEANUP_NODE struct node *from = NULL;
  struct node *n;
  int r;

  if (v->root && is_open (v->pool, v->root))
    return 0;
  r = referred (v->pool, v->root, &v->root_entry, v->levels - 1, &from);
  if (r == 0)
    r = make_dirty (v, from, v->levels - 1, &n);
  if (r < 0)
    return r;
  node_unref (v->root);
  v->root = n;
  return 0;
}

/* The child of open node N in slot I, dirty. */
static int
dirty_child (struct volume *v, struct node *n, uint32_t i)
{
  CLEANUP_NODE struct node *from = NULL;
  struct node *child;
  int r;

  if (n->child[i] && is_open (v->pool, n->child[i]))
    return 0;
  r = referred (v->pool, n->child[i], &n->e[i], n->level - 1, &from);
  if (r == 0)
    r = make_dirty (v, from, n->level - 1, &child);
  if (r < 0)
    return r;
  if (from == NULL)
    n->live++;
  node_unref (n->child[i]);
  n->child[i] = child;
  return 0;
}

int
tree_dirty_locked (struct volume *v, uint64_t block, unsigned level,
                   struct node **ret)
{
  struct node *n;
  int r;

  r = dirty_root (v);
  if (r < 0)
    return r;
  for (n = v->root; n->level > level;
       n = n->child[slot_of (v->pool, block, n->level)]) {
    r = dirty_child (v, n, slot_of (v->pool, block, n->level));
    if (r < 0)
      return r;
  }
  *ret = n;
  return 0;
}

void
tree_prune_locked (struct volume *v, uint64_t block)
{
  struct node *n = v->root;

  while (n && is_open (v->pool, n) && n->live > 0 && n->level > 0)
    n = n->child[slot_of (v->pool, block, n->level)];
  if (n && is_open (v->pool, n) && n->live == 0)
    tree_detach_locked (v, block, n->level);
}

/* A node that stands on disk, or will, leaves V's map. */
static void
account_gone (struct volume *v, uint32_t birth)
{
  struct space *s = &v->pool->space;
  LOCK_FOR_SCOPE (&s->lock);

  if (tree_exclusive_birth (v, birth)) {
    s->pending++;
    s->open_pending++;
  }
  else if (v->shared > 0) {
    v->shared--;
    s->shared--;
  }
}

/* The root is gone or empty: the map is empty. */
static void
detach_root (struct volume *v)
{
  v->nodes--;
  if (v->root && is_open (v->pool, v->root))
    account_undirty (v, v->root);
  else
    account_gone (v, v->root ? tree_birth (v->pool, v->root)
                  : format_birth (&v->root_entry));
  node_unref (v->root);
  v->root = NULL;
  memset (&v->root_entry, 0, sizeof v->root_entry);
}

void
tree_detach_locked (struct volume *v, uint64_t block, unsigned level)
{
  struct pool *p = v->pool;
  struct node *parent, *child;
  uint32_t i;
  int r;

  for (;; level++) {
    if (level == v->levels - 1) {
      detach_root (v);
      return;
    }
    r = tree_dirty_locked (v, block, level + 1, &parent);
    assert (r == 0);            /* it is dirty already */
    i = slot_of (p, block, level + 1);
    child = parent->child[i];
    v->nodes--;
    if (child && is_open (p, child))
      account_undirty (v, child);
    else
      account_gone (v, child ? tree_birth (p, child)
                    : format_birth (&parent->e[i]));
    parent->child[i] = NULL;
    memset (&parent->e[i], 0, sizeof parent->e[i]);
    parent->live--;
    node_unref (child);
    if (parent->live > 0)
      return;
  }
}

/* ---- after a commit ------------------------------------------------------ */

/* N is a node of the open transaction, or becomes part of it: nothing below
 * it may refer to frozen nodes any more.
 */
static void
settle_node (struct pool *p, struct node *n)
{
  struct node *old, *child;
  uint32_t i;

  old = n->origin;
  if (old && old->dirty) {
    n->origin = node_ref (old->clean);
    node_unref (old);
  }
  if (n->child == NULL)
    return;
  for (i = 0; i < p->fan; ++i) {
    child = n->child[i];
    if (child == NULL)
      continue;
    if (is_open (p, child))
      settle_node (p, child);
    else {
      n->e[i] = child->self;
      n->child[i] = NULL;
      node_unref (child);
    }
  }
}

void
tree_settle (struct volume *v, const struct cut_item *item)
{
  WRLOCK_FOR_SCOPE (&v->lock);

  if (!item->map)
    return;
  if (v->root == NULL)
    return;                     /* empty, then or by now */
  if (is_open (v->pool, v->root)) {
    settle_node (v->pool, v->root);
    return;
  }
  assert (v->root == item->root);
  v->root_entry = v->root->self;
  node_unref (v->root);
  v->root = NULL;
}

void
tree_free (struct volume *v)
{
  node_unref (v->root);
  v->root = NULL;
}
