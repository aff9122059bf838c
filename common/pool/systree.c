/* SPDX-License-Identifier: BSD-3-Clause
 *
 * systree: the pool's own trees: space, refs, backed and table.
 *
 * Each is an array of items cut into leaves of one block, under a radix tree
 * of entries.  They are never shared, so they need no counts and no births,
 * and the places of all their nodes fit in memory: entry[k] is one flat
 * array with the entries of all nodes of level k, and a node of level k + 1
 * is exactly a slice of it.  For a pool of 1 TiB that is 6 MiB.
 *
 * Only the holder of the commit comes here.  A commit marks the leaves that
 * changed, gives every changed node a fresh place (systree_place), and when
 * all places are known builds contents and checks from the leaves up
 * (systree_emit).  Placing changes the space tree itself; the commit calls
 * systree_place until no tree has anything left to place.  That ends because
 * a node is placed once in a commit.
 */

#include <config.h>

#include <stdlib.h>

#include "pool-internal.h"

static void
shape (struct systree *t, uint64_t total)
{
  const unsigned shift = t->pool->fan_shift;
  const uint64_t leaves = BASE_MAX (base_div_up (total, t->items), 1);
  unsigned k;

  t->levels = format_levels (leaves, shift);
  t->count[0] = leaves;
  for (k = 1; k < t->levels; ++k)
    t->count[k] = base_div_up (t->count[k - 1], UINT64_C (1) << shift);
}

static int
alloc_level (struct systree *t, unsigned k)
{
  const uint64_t words = base_div_up (t->count[k], 64);

  t->entry[k] = base_calloc (t->count[k], sizeof t->entry[k][0]);
  t->dirty[k] = base_calloc (words, sizeof t->dirty[k][0]);
  t->placed[k] = base_calloc (words, sizeof t->placed[k][0]);
  if (t->entry[k] == NULL || t->dirty[k] == NULL || t->placed[k] == NULL)
    return base_fail (ENOMEM, "out of memory for the %s tree", t->name);
  return 0;
}

int
systree_init (struct systree *t, struct pool *p, const char *name,
              uint64_t total, uint64_t items)
{
  unsigned k;
  int r = 0;

  t->pool = p;
  t->name = name;
  t->items = items;
  shape (t, total);
  for (k = 0; k < t->levels && r == 0; ++k)
    r = alloc_level (t, k);
  return r;
}

static void
free_level (struct systree *t, unsigned k)
{
  free (t->entry[k]);
  free (t->dirty[k]);
  free (t->placed[k]);
  t->entry[k] = NULL;
  t->dirty[k] = t->placed[k] = NULL;
}

void
systree_free (struct systree *t)
{
  unsigned k;

  for (k = 0; k < FORMAT_MAX_LEVELS; ++k)
    free_level (t, k);
  free (t->lost);
  t->lost = NULL;
}

uint64_t
systree_max_nodes (const struct systree *t)
{
  uint64_t n = 0;
  unsigned k;

  for (k = 0; k < t->levels; ++k)
    n += t->count[k];
  return n;
}

/* Node I of level K and its ancestors have to be written. */
static void
mark_from (struct systree *t, unsigned k, uint64_t i)
{
  for (; k < t->levels; ++k, i >>= t->pool->fan_shift) {
    if (bit_get (t->dirty[k], i))
      return;                   /* and so are its ancestors */
    bit_set (t->dirty[k], i);
    t->ndirty++;
  }
}

void
systree_mark (struct systree *t, uint64_t leaf)
{
  mark_from (t, 0, leaf);
}

/* More items: level 0 keeps its entries, higher levels are made anew where
 * their shape changed; what was there keeps its place until the next commit
 * writes it.  On failure T is as before.
 */
int
systree_resize (struct systree *t, uint64_t total)
{
  struct systree old = *t;
  unsigned k;
  uint64_t i;
  int r = 0;

  memset (t->entry, 0, sizeof t->entry);
  memset (t->dirty, 0, sizeof t->dirty);
  memset (t->placed, 0, sizeof t->placed);
  shape (t, total);
  for (k = 0; k < t->levels && r == 0; ++k) {
    r = alloc_level (t, k);
    if (r == 0 && k < old.levels)
      memcpy (t->entry[k], old.entry[k],
              old.count[k] * sizeof t->entry[k][0]);
  }
  if (r < 0) {
    systree_free (t);
    *t = old;
    return r;
  }
  t->ndirty = t->nplaced = 0;
  for (i = 0; i < old.count[0]; ++i)
    if (bit_get (old.dirty[0], i))
      systree_mark (t, i);
  /* A new root level above the old root. */
  if (t->levels > old.levels
      && format_type (&old.entry[old.levels - 1][0]) != FORMAT_HOLE)
    mark_from (t, old.levels, 0);
  systree_free (&old);
  return 0;
}

/* ---- reading ------------------------------------------------------------- */

static int
read_node (struct systree *t, const struct format_entry *e, unsigned level,
           void *buf)
{
  struct pool *p = t->pool;
  const uint64_t place = format_place (e);
  int r;

  if (format_type (e) != FORMAT_NODE || place >= pool_blocks (p))
    return base_fail (EBADMSG, "%s tree, level %u: malformed entry",
                      t->name, level);
  r = vdev_read (p->backing, buf, p->block_size, place * p->block_size);
  if (r < 0)
    return base_fail_in (r, "%s tree", t->name);
  if ((base_crc32c (buf, p->block_size)
       ^ pool_mix (p, place, format_birth (e))) != le32toh (e->check))
    return base_fail (EBADMSG, "%s tree, block %" PRIu64
                      ", level %u: checksum error", t->name, place,
                      level);
  return 0;
}

/* Read leaf I into BUF; zeroes if it is absent. */
int
systree_read_leaf (struct systree *t, uint64_t i, void *buf)
{
  if (format_type (&t->entry[0][i]) == FORMAT_HOLE) {
    memset (buf, 0, t->pool->block_size);
    return 0;
  }
  return read_node (t, &t->entry[0][i], 0, buf);
}

static int
remember_lost (struct systree *t, uint64_t place)
{
  uint64_t *lost
    = base_realloc (t->lost, (t->nlost + 1) * sizeof lost[0]);

  if (lost == NULL)
    return base_fail (ENOMEM, "out of memory");
  t->lost = lost;
  t->lost[t->nlost++] = place;
  return 0;
}

/* The same while loading.  A pool that is open for reading does without what
 * is damaged: *E is a hole then.
 */
static int
load_node (struct systree *t, struct format_entry *e, unsigned level,
           void *buf)
{
  struct pool *p = t->pool;
  const uint64_t place = format_place (e);
  int r;

  r = read_node (t, e, level, buf);
  if (r == -EBADMSG && p->options.readonly) {
    event_checksum (p, "", place, "the %s tree", t->name);
    r = remember_lost (t, place);
    memset (e, 0, sizeof *e);
  }
  return r;
}

int
systree_load (struct systree *t, const struct format_root *root,
              int (*leaf) (struct systree *t, uint64_t i, const void *buf))
{
  struct pool *p = t->pool;
  CLEANUP_FREE void *buf = base_malloc (p->block_size);
  unsigned k;
  uint64_t i;
  int r;

  if (buf == NULL)
    return base_fail (ENOMEM, "out of memory");
  if (root->levels != t->levels)
    return base_fail (EBADMSG, "%s tree has %u levels, not %u", t->name,
                      root->levels, t->levels);
  t->entry[t->levels - 1][0] = root->entry;
  for (k = t->levels - 1; k > 0; --k)
    for (i = 0; i < t->count[k]; ++i) {
      const uint64_t first = i << p->fan_shift;

      if (format_type (&t->entry[k][i]) == FORMAT_HOLE)
        continue;
      r = load_node (t, &t->entry[k][i], k, buf);
      if (r < 0)
        return r;
      if (format_type (&t->entry[k][i]) == FORMAT_HOLE)
        continue;
      t->existing++;
      memcpy (&t->entry[k - 1][first], buf,
              BASE_MIN (p->fan, t->count[k - 1] - first)
              * sizeof t->entry[0][0]);
    }
  for (i = 0; i < t->count[0]; ++i) {
    if (format_type (&t->entry[0][i]) == FORMAT_HOLE)
      continue;
    t->existing++;
    if (leaf == NULL)
      continue;                 /* read when it is needed */
    r = load_node (t, &t->entry[0][i], 0, buf);
    if (r == 0 && format_type (&t->entry[0][i]) != FORMAT_HOLE)
      r = leaf (t, i, buf);
    if (r < 0)
      return r;
  }
  return 0;
}

/* ---- writing ------------------------------------------------------------- */

static int
place_node (struct systree *t, struct cut *cut, unsigned k, uint64_t i)
{
  struct pool *p = t->pool;
  struct format_entry *e = &t->entry[k][i];
  uint64_t place;
  int r;

  r = cut_take_place (p, cut, &place);
  if (r < 0)
    return r;
  if (format_type (e) != FORMAT_HOLE)
    r = cut_free_moved (p, cut, format_place (e));
  else {
    LOCK_FOR_SCOPE (&p->space.lock);
    t->existing++;
  }
  format_entry_set (e, FORMAT_NODE, place, cut->epoch, 0);
  bit_set (t->placed[k], i);
  return r;
}

/* Call FN for each set bit of BITS[0, N). */
#define FOR_EACH_BIT(i, bits, n)                                        \
  for ((i) = 0; (i) < (n); ++(i))                                       \
    if ((bits)[(i) / 64] == 0)                                          \
      (i) |= 63;                                                        \
    else if (bit_get ((bits), (i)))

int
systree_place (struct systree *t, struct cut *cut, uint64_t *placed)
{
  unsigned k;
  uint64_t i;
  int r;

  if (t->ndirty == t->nplaced)
    return 0;
  for (k = 0; k < t->levels; ++k)
    FOR_EACH_BIT (i, t->dirty[k], t->count[k]) {
      if (bit_get (t->placed[k], i))
        continue;
      r = place_node (t, cut, k, i);
      if (r < 0)
        return r;
      t->nplaced++;
      ++*placed;
    }
  return 0;
}

static void
fill_interior (const struct systree *t, unsigned k, uint64_t i, void *buf)
{
  const struct pool *p = t->pool;
  const uint64_t first = i << p->fan_shift;

  memset (buf, 0, p->block_size);
  memcpy (buf, &t->entry[k - 1][first],
          BASE_MIN (p->fan, t->count[k - 1] - first)
          * sizeof t->entry[0][0]);
}

int
systree_content (struct systree *t, unsigned k, uint64_t i, void *buf)
{
  if (k > 0)
    fill_interior (t, k, i, buf);
  else if (t == &t->pool->refs_tree)
    return refs_peek (t, i, buf);
  else
    return t->fill (t, i, buf);
  return 0;
}

static int
emit_node (struct systree *t, struct cut *cut, unsigned k, uint64_t i)
{
  struct pool *p = t->pool;
  struct format_entry *e = &t->entry[k][i];
  const uint64_t place = format_place (e);
  char *buf = base_calloc (1, p->block_size);
  int r = 0;

  if (buf == NULL)
    return base_fail (ENOMEM, "out of memory");
  if (k == 0)
    r = t->fill (t, i, buf);
  else
    fill_interior (t, k, i, buf);
  if (r < 0) {
    free (buf);
    return r;
  }
  format_entry_set (e, FORMAT_NODE, place, cut->epoch,
                    base_crc32c (buf, p->block_size)
                    ^ pool_mix (p, place, cut->epoch));
  return cut_queue (p, cut, (struct cut_write) {
      .place = place, .data = buf, .owned = buf });
}

int
systree_emit (struct systree *t, struct cut *cut)
{
  unsigned k;
  uint64_t i;
  int r;

  if (t->ndirty == 0)
    return 0;
  for (k = 0; k < t->levels; ++k) {
    FOR_EACH_BIT (i, t->dirty[k], t->count[k]) {
      r = emit_node (t, cut, k, i);
      if (r < 0)
        return r;
    }
    memset (t->dirty[k], 0, base_div_up (t->count[k], 64) * 8);
    memset (t->placed[k], 0, base_div_up (t->count[k], 64) * 8);
  }
  t->ndirty = t->nplaced = 0;
  return 0;
}

void
systree_root (const struct systree *t, struct format_root *root)
{
  memset (root, 0, sizeof *root);
  root->entry = t->entry[t->levels - 1][0];
  root->levels = (uint8_t) t->levels;
}
