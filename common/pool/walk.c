/* SPDX-License-Identifier: BSD-3-Clause
 *
 * walk: whole maps: counting, what is exclusive, cutting off the end.
 *
 * All of these run with the commit held, on the map as last committed; the
 * counting ones read every node in their range, so they are for verbs, not
 * for requests.
 */

#include <config.h>

#include <stdlib.h>

#include "pool-internal.h"

/* ---- counting ------------------------------------------------------------ */

static int
count_node (struct volume *v, const struct format_entry *e, unsigned level,
            uint64_t base, uint64_t first, uint64_t *mapped, uint64_t *nodes)
{
  struct pool *p = v->pool;
  const uint64_t span = tree_span (p, level);
  const uint64_t below = span / p->fan;
  CLEANUP_NODE struct node *n = NULL;
  uint32_t i;
  int r;

  if (format_type (e) != FORMAT_NODE || base + span <= first)
    return 0;
  r = node_load (p, e, level, v->label, &n);
  if (r < 0)
    return r;
  if (base >= first)
    ++*nodes;
  for (i = 0; i < p->fan && r == 0; ++i)
    if (level > 0)
      r = count_node (v, &n->e[i], level - 1, base + i * below, first, mapped,
                      nodes);
    else if (base + i >= first)
      *mapped += format_type (&n->e[i]) == FORMAT_DATA;
  return r;
}

int
walk_count (struct volume *v, uint64_t first, uint64_t *mapped,
            uint64_t *nodes)
{
  *mapped = *nodes = 0;
  return count_node (v, &v->rec.root.entry, v->rec.root.levels - 1, 0, first,
                     mapped, nodes);
}

static int
exclusive_node (struct volume *v, const struct format_entry *e,
                unsigned level, uint64_t *blocks)
{
  struct pool *p = v->pool;
  CLEANUP_NODE struct node *n = NULL;
  uint32_t refs, i;
  int r;

  if (format_type (e) != FORMAT_NODE && format_type (e) != FORMAT_DATA)
    return 0;
  r = refs_get (p, format_place (e), &refs);
  if (r < 0 || refs > 0)
    return r;
  ++*blocks;
  if (format_type (e) == FORMAT_DATA)
    return 0;
  r = node_load (p, e, level, v->label, &n);
  for (i = 0; i < p->fan && r == 0; ++i)
    r = exclusive_node (v, &n->e[i], level > 0 ? level - 1 : 0, blocks);
  return r;
}

int
walk_exclusive (struct volume *v, uint64_t *blocks)
{
  *blocks = 0;
  return exclusive_node (v, &v->rec.root.entry, v->rec.root.levels - 1,
                         blocks);
}

/* ---- cutting ------------------------------------------------------------- */

int
walk_prepare (struct volume *v, uint64_t block)
{
  CLEANUP_NODE struct node *pin = NULL;
  struct found found;
  int r;

  for (;;) {
    base_rwlock_rdlock (&v->lock);
    r = tree_find_locked (v, block, &found);
    base_rwlock_unlock (&v->lock);
    if (r == 0)
      node_unref (found.leaf);
    if (r != -EAGAIN)
      return r;
    r = tree_fetch (v, &found, &pin);
    if (r < 0)
      return r;
  }
}

/* Slots of open node N above FIRST become holes. */
static void
clear_slots (struct node *n, uint32_t first)
{
  uint32_t i;

  for (i = first; i < n->pool->fan; ++i) {
    if (format_type (&n->e[i]) == FORMAT_HOLE)
      continue;
    memset (&n->e[i], 0, sizeof n->e[i]);
    n->live--;
  }
}

static void
set_last (struct volume *v, struct node *leaf, uint64_t block,
          const struct format_entry *last)
{
  struct pool *p = v->pool;
  struct format_entry *e = &leaf->e[block % p->fan];

  leaf->live -= format_type (e) != FORMAT_HOLE;
  v->mapped -= format_type (e) == FORMAT_DATA;
  memset (e, 0, sizeof *e);
  if (format_type (last) != FORMAT_DATA)
    return;
  format_entry_set (e, FORMAT_DATA, format_place (last), p->epoch,
                    le32toh (last->check)
                    ^ pool_mix (p, format_place (last), p->epoch));
  leaf->live++;
  v->mapped++;
}

/* The open node lowest on the path to BLOCK. */
static int
dirty_path (struct volume *v, uint64_t block, struct node **ret)
{
  const struct pool *p = v->pool;
  unsigned level = v->levels - 1;
  uint32_t i;
  int r;

  for (;; --level) {
    r = tree_dirty_locked (v, block, level, ret);
    if (r < 0 || level == 0)
      return r;
    i = (block >> (p->fan_shift * level)) & (p->fan - 1);
    if ((*ret)->child[i] == NULL
        && format_type (&(*ret)->e[i]) == FORMAT_HOLE)
      return 0;
  }
}

int
walk_truncate (struct volume *v, uint64_t end,
               const struct format_entry *last)
{
  struct pool *p = v->pool;
  const uint64_t block = end - 1;
  struct node *lowest, *n;
  uint32_t i;
  int r;
  WRLOCK_FOR_SCOPE (&v->lock);

  if (format_type (&v->root_entry) == FORMAT_HOLE && v->root == NULL)
    return 0;
  r = tree_join_locked (v);
  if (r == 0)
    r = dirty_path (v, block, &lowest);
  if (r < 0)
    return r;                   /* nothing was cut yet */

  for (n = v->root;; n = n->child[i]) {
    i = (block >> (p->fan_shift * n->level)) & (p->fan - 1);
    clear_slots (n, i + 1);
    if (n == lowest)
      break;
  }
  if (lowest->level == 0 && last)
    set_last (v, lowest, block, last);
  if (lowest->live == 0)
    tree_detach_locked (v, block, lowest->level);
  return 0;
}
