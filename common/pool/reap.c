/* SPDX-License-Identifier: BSD-3-Clause
 *
 * reap: the space of removed volumes comes back.
 *
 * Removing turns a record into an orphan in one commit: the name is free at
 * once, and the map stays as it is.  Afterwards each reaping commit walks on
 * from the orphan's cursor, lets go of up to a few leaves, and stores the
 * new cursor with the counts and bitmaps it changed: a crash resumes where
 * the last commit stood.  The orphan's nodes are never rewritten, so
 * reclaiming needs no space of its own; what lies below the cursor simply
 * no longer counts.
 *
 *   node shared with others   one reference less, the cursor skips it
 *   node exclusive            its children first, then the node itself, when
 *                             the cursor has reached its end
 *   node damaged              it is freed, what it named is leaked
 *   node not readable now     the orphan is left alone until the next opening
 *
 * A step that cannot go on has changed nothing but what its cursor says: what
 * has to be read for a leaf or a node is read before it is let go of.
 */

#include <config.h>

#include <stdlib.h>

#include "pool-internal.h"

#define STEP_LEAVES 32          /* a commit reaps at most this many */

struct reap {
  struct pool *p;
  struct cut *cut;
  struct volume *v;
  uint64_t cursor;
  unsigned budget;
};

/* The step ends here; the cursor tells how far it came. */
static int
stop (struct reap *reap, int err)
{
  struct volume *v = reap->v;

  reap->budget = 0;
  if (err != -ENOMEM) {
    event_log (reap->p, POOL_EVENT_WARNING, v->label, "its space cannot be "
               "reclaimed: %s; it is tried again when the pool is opened",
               base_error_text ());
    atomic_store (&v->stuck, true);
    atomic_fetch_sub (&reap->p->orphans, 1);
  }
  return 0;
}

/* The counts of all blocks that N names, so that dropping them cannot fail. */
static int
read_refs (struct reap *reap, const struct node *n)
{
  uint32_t i, refs;
  int r = 0;

  for (i = 0; i < reap->p->fan && r == 0; ++i)
    if (format_type (&n->e[i]) == FORMAT_DATA
        && format_birth (&n->e[i]) <= reap->v->snap_epoch)
      r = refs_get (reap->p, format_place (&n->e[i]), &refs);
  return r;
}

static int
reap_leaf (struct reap *reap, const struct node *n)
{
  struct pool *p = reap->p;
  const uint32_t snap_epoch = reap->v->snap_epoch;
  uint32_t i;
  int r = 0;

  for (i = 0; i < p->fan && r == 0; ++i)
    r = diff_drop_data (p, reap->cut, &n->e[i], snap_epoch);
  reap->budget--;
  return r;
}

/* E's node is exclusive, and damaged. */
static int
reap_lost (struct reap *reap, const struct format_entry *e, uint64_t end)
{
  reap->cursor = end;
  reap->budget--;
  return cut_free_dropped (reap->p, reap->cut, format_place (e), true);
}

/* E stands at LEVEL and covers logical blocks from BASE on.  Sets the cursor
 * to the end of it when it is done.  Depth: the levels of a map.
 */
static int
reap_node (struct reap *reap, const struct format_entry *e, unsigned level,
           uint64_t base)
{
  struct pool *p = reap->p;
  const uint64_t span = tree_span (p, level);
  CLEANUP_NODE struct node *n = NULL;
  uint32_t refs = 0, i;
  int r = 0;

  if (format_type (e) != FORMAT_NODE) {
    reap->cursor = base + span;
    return 0;
  }
  /* Once it was found exclusive and the cursor is inside, it stays so. */
  if (reap->cursor <= base && format_birth (e) <= reap->v->snap_epoch)
    r = refs_get (p, format_place (e), &refs);
  if (r == 0 && refs > 0) {
    reap->cursor = base + span;
    reap->budget--;
    return refs_add (p, format_place (e), -1);
  }
  if (r == 0)
    r = node_load (p, e, level, reap->v->label, &n);
  if (r == -EBADMSG)
    return reap_lost (reap, e, base + span);
  if (r == 0 && level == 0)
    r = read_refs (reap, n);
  if (r < 0)
    return stop (reap, r);

  if (level == 0)
    r = reap_leaf (reap, n);
  else {
    const uint64_t below = tree_span (p, level - 1);

    for (i = reap->cursor > base ? (reap->cursor - base) / below : 0;
         i < p->fan && r == 0; ++i) {
      if (reap->budget == 0)
        return 0;
      r = reap_node (reap, &n->e[i], level - 1, base + i * below);
      if (r == 0 && reap->cursor < base + (i + 1) * below)
        return 0;               /* the budget ended inside the child */
    }
  }
  if (r == 0)
    r = cut_free_dropped (p, reap->cut, format_place (e), true);
  reap->cursor = base + span;
  return r;
}

int
reap_step (struct pool *p, struct cut *cut)
{
  struct reap reap = { .p = p, .cut = cut, .budget = STEP_LEAVES };
  struct volume *v;
  int r = 0;

  while (reap.budget > 0 && r == 0) {
    for (v = p->volumes; v; v = v->next)
      if (v->rec.kind == FORMAT_ORPHAN && !atomic_load (&v->reaped)
          && !atomic_load (&v->stuck))
        break;
    if (v == NULL)
      break;
    reap.v = v;
    reap.cursor = le64toh (v->rec.cursor);
    r = reap_node (&reap, &v->rec.root.entry, v->rec.root.levels - 1, 0);
    v->rec.cursor = htole64 (reap.cursor);
    if (r == 0 && reap.cursor >= tree_span (p, v->rec.root.levels - 1)) {
      table_clear (p, v->slot);
      atomic_store (&v->reaped, true);
      atomic_fetch_sub (&p->orphans, 1);
      reap.budget -= reap.budget > 0;
    }
    else
      table_store (p, v);
  }
  return r;
}
