/* SPDX-License-Identifier: BSD-3-Clause
 *
 * diff: what one transaction did to one map.
 *
 * A commit walks the frozen nodes of a map from the root down and compares
 * each with its origin, the node it was copied from: what the origin names
 * and the copy does not is let go of, what only the copy names is allocated.
 * No list of changes is kept while requests run; the two nodes are the list.
 *
 * Unsharing.  A node may have several parents: snapshots share roots, and
 * after the first difference below a root its children are shared.  So the
 * walk settles each node before its children:
 *
 *   origin exclusive    its place is freed; its children simply change
 *                       hands
 *   origin shared       it loses one reference and stays; all it names gain
 *                       one, because the copy names them too
 *
 * and only then are children compared: one that was replaced loses the
 * reference it may have just gained.  A child with a birth above snap_epoch
 * is exclusive without looking; for the others the count decides.
 *
 * What is dropped whole (a removed leaf, a removed subtree) loses one
 * reference at its top; only when that was the last one does the drop go on
 * to what it names.  If that cannot be read any more because it is damaged,
 * what it named stays allocated: a leak, which the check finds.
 */

#include <config.h>

#include <stdlib.h>

#include "pool-internal.h"

/* Nobody else refers to E's block. */
static int
is_exclusive (struct pool *p, const struct format_entry *e,
              uint32_t snap_epoch, bool *exclusive)
{
  uint32_t n = 0;
  int r = 0;

  *exclusive = format_birth (e) > snap_epoch;
  if (!*exclusive) {
    r = refs_get (p, format_place (e), &n);
    *exclusive = n == 0;
  }
  return r;
}

int
diff_drop_data (struct pool *p, struct cut *cut, const struct format_entry *e,
           uint32_t snap_epoch)
{
  bool exclusive;
  int r;

  if (format_type (e) != FORMAT_DATA)
    return 0;
  r = is_exclusive (p, e, snap_epoch, &exclusive);
  if (r < 0)
    return r;
  /* By its birth: publish saw that too, and the journal lets go of it. */
  if (cut->by_journal && format_birth (e) > snap_epoch)
    return cut_free_released (p, format_place (e));
  if (exclusive)
    return cut_free_dropped (p, cut, format_place (e), false);
  return refs_add (p, format_place (e), -1);
}

/* Depth is bounded by FORMAT_MAX_LEVELS. */
int
diff_drop (struct pool *p, struct cut *cut, const struct format_entry *e,
           unsigned level, uint32_t snap_epoch, const char *who)
{
  CLEANUP_NODE struct node *n = NULL;
  bool exclusive;
  uint32_t i;
  int r;

  if (format_type (e) != FORMAT_NODE)
    return 0;
  r = is_exclusive (p, e, snap_epoch, &exclusive);
  if (r < 0)
    return r;
  if (!exclusive)
    return refs_add (p, format_place (e), -1);

  r = node_load (p, e, level, who, &n);
  if (r == -EBADMSG)            /* what it named is lost: leaked, no more */
    return cut_free_dropped (p, cut, format_place (e), true);
  for (i = 0; i < p->fan && r == 0; ++i)
    r = level == 0 ? diff_drop_data (p, cut, &n->e[i], snap_epoch)
      : diff_drop (p, cut, &n->e[i], level - 1, snap_epoch, who);
  return r < 0 ? r : cut_free_dropped (p, cut, format_place (e), true);
}

/* ORIGIN loses the reference through which this map held it. */
static int
leave_origin (struct pool *p, struct cut *cut, const struct node *origin,
              uint32_t snap_epoch)
{
  bool exclusive;
  uint32_t i;
  int r;

  r = is_exclusive (p, &origin->self, snap_epoch, &exclusive);
  if (r < 0)
    return r;
  if (exclusive)
    return cut_free_moved (p, cut, format_place (&origin->self));

  r = refs_add (p, format_place (&origin->self), -1);
  for (i = 0; i < p->fan && r == 0; ++i)
    if (format_type (&origin->e[i]) == FORMAT_DATA
        || format_type (&origin->e[i]) == FORMAT_NODE)
      r = refs_add (p, format_place (&origin->e[i]), 1);
  return r;
}

static int
diff_leaf (struct pool *p, struct cut *cut, const struct node *n,
           uint32_t snap_epoch)
{
  static const struct format_entry hole;
  uint32_t i;
  int r = 0;

  for (i = 0; i < p->fan && r == 0; ++i) {
    const struct format_entry *old = n->origin ? &n->origin->e[i] : &hole;

    if (format_entry_same (old, &n->e[i]))
      continue;
    r = diff_drop_data (p, cut, old, snap_epoch);
    if (r == 0 && format_type (&n->e[i]) == FORMAT_DATA)
      r = cut_mapped (cut, format_place (&n->e[i]));
  }
  return r;
}

/* Where N goes.  This comes before the origin's place counts as pending:
 * while a commit runs, requests must never see more room than there is.
 */
static int
take_place (struct pool *p, struct cut *cut, const struct node *n,
            uint32_t snap_epoch, uint64_t *place)
{
  int r = cut_take_place (p, cut, place);

  if (r == 0
      && (n->origin == NULL || format_birth (&n->origin->self) <= snap_epoch)) {
    LOCK_FOR_SCOPE (&p->space.lock);
    p->space.owed--;
  }
  return r;
}

/* N, which is read only from now on, has its entry: queue the write. */
static int
queue_node (struct pool *p, struct cut *cut, struct node *n, uint64_t place)
{
  format_entry_set (&n->self, FORMAT_NODE, place, cut->epoch,
                    base_crc32c (n->e, p->block_size)
                    ^ pool_mix (p, place, cut->epoch));
  cut->nodes_written++;
  return cut_queue (p, cut, (struct cut_write) {
      .place = place, .data = n->e, .node = node_ref (n) });
}

/* N is finished.  A leaf is what will stand on disk, and becomes clean itself
 * when that is durable.  The entries of the others are made from what is below
 * them, in a copy: readers still follow the pointers.
 */
static int
finish_node (struct pool *p, struct cut *cut, struct node *n, uint64_t place)
{
  struct node *clean;
  uint32_t i;
  int r;

  if (n->level == 0)
    return queue_node (p, cut, n, place);
  clean = node_new_clean (p, n->level);
  if (clean == NULL)
    return -ENOMEM;
  memcpy (clean->e, n->e, p->block_size);
  clean->live = n->live;
  for (i = 0; i < p->fan; ++i)
    if (n->child[i])
      clean->e[i] = n->child[i]->self;
  n->clean = clean;
  r = queue_node (p, cut, clean, place);
  n->self = clean->self;
  return r;
}

static int
diff_node (struct pool *p, struct cut *cut, struct cut_item *item,
           struct node *n)
{
  static const struct format_entry hole;
  const uint32_t snap_epoch = item->snap_epoch;
  const char *who = item->v->label;
  uint64_t place;
  uint32_t i;
  int r;

  r = take_place (p, cut, n, snap_epoch, &place);
  if (r == 0 && n->origin)
    r = leave_origin (p, cut, n->origin, snap_epoch);
  if (r == 0 && n->level == 0)
    r = diff_leaf (p, cut, n, snap_epoch);

  for (i = 0; n->level > 0 && i < p->fan && r == 0; ++i) {
    const struct format_entry *old = n->origin ? &n->origin->e[i] : &hole;
    struct node *child = n->child[i];

    if (child == NULL && format_entry_same (old, &n->e[i]))
      continue;
    /* The child's own origin is left by its own diff. */
    if (child == NULL || child->origin == NULL
        || !format_entry_same (&child->origin->self, old))
      r = diff_drop (p, cut, old, n->level - 1, snap_epoch, who);
    if (r == 0 && child)
      r = diff_node (p, cut, item, child);
  }
  return r < 0 ? r : finish_node (p, cut, n, place);
}

/* Does the committed root OLD go on in ROOT, itself or as the origin of a
 * node?  When the map got more levels it stands further down in slot 0.
 */
static bool
root_goes_on (const struct node *root, const struct format_entry *old,
              unsigned old_level)
{
  while (root && root->level > old_level) {
    if (format_entry_same (&root->e[0], old) && root->child[0] == NULL
        && root->level == old_level + 1)
      return true;
    root = root->child[0];
  }
  return root && root->origin
    && format_entry_same (&root->origin->self, old);
}

/* The map of ITEM as this transaction leaves it; sets ITEM->entry. */
int
diff_item (struct pool *p, struct cut *cut, struct cut_item *item)
{
  const struct format_root *old = &item->v->rec.root;
  int r = 0;

  memset (&item->entry, 0, sizeof item->entry);
  if (!root_goes_on (item->root, &old->entry, old->levels - 1))
    r = diff_drop (p, cut, &old->entry, old->levels - 1, item->snap_epoch,
                   item->v->label);
  if (r == 0 && item->root) {
    r = diff_node (p, cut, item, item->root);
    item->entry = item->root->self;
  }
  return r;
}
