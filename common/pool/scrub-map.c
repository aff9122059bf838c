/* SPDX-License-Identifier: BSD-3-Clause
 *
 * scrub-map: maps and data, volume by volume, step by step.
 *
 * A step looks the cursor up in the volume's map.  Nodes at the top may be in
 * memory alone, not written yet: what they replaced below is on its way out,
 * and they are simply passed.  From the first clean node on the path is read
 * from the backing and not from the cache, whose copy proves nothing.  Nodes
 * on the path are kept from one step to the next and used again as long as
 * the same entry names them.  From the leaf the next run of blocks that stand
 * side by side is read and verified; then the cursor moves behind it.
 *
 * table_lock is held from the look at the volume to the entry as a reader:
 * who removes the volume needs it too, so nothing of its map is given back
 * before this reader has left.
 */

#include <config.h>

#include "scrub-internal.h"

static uint32_t
slot_of (const struct pool *p, uint64_t block, unsigned level)
{
  return (block >> (p->fan_shift * level)) & (p->fan - 1);
}

/* ---- bits ---------------------------------------------------------------- */

static bool
bit_locked (const struct pool *p, uint64_t place)
{
  const struct scrub_bits *b = p->space.scrubbed;

  return place < b->blocks && bit_get (b->bit, place);
}

static bool
is_done (struct pool *p, uint64_t place)
{
  LOCK_FOR_SCOPE (&p->space.lock);

  return bit_locked (p, place);
}

/* A node with all below it, or a block of data. */
static void
mark_done (struct scrub_job *job, uint64_t place)
{
  struct pool *p = job->p;
  struct scrub_bits *b;

  base_mutex_lock (&p->space.lock);
  b = p->space.scrubbed;
  if (place < b->blocks)
    bit_set (b->bit, place);
  base_mutex_unlock (&p->space.lock);
  scrub_done (job, 1);
}

/* ---- damage -------------------------------------------------------------- */

/* Nodes above the cursor are not wholly verified. */
static void
spoil (struct scrub_job *job)
{
  unsigned k;

  for (k = 0; k < FORMAT_MAX_LEVELS; ++k)
    job->path[k].whole = false;
}

/* Logical blocks [BLOCK, BLOCK + N), NPLACES blocks at PLACE. */
static void
tell (struct scrub_job *job, const char *what, uint64_t block, uint64_t n,
      uint64_t place, uint64_t nplaces, int why, bool repaired)
{
  const uint64_t bs = job->p->block_size;
  struct pool_scrub_damage d = {
    .volume = job->v->label, .what = what, .offset = block * bs,
    .length = n * bs, .block = place, .repaired = repaired,
  };

  scrub_tell (job, &d, nplaces, why);
  if (!repaired)
    spoil (job);
}

/* ---- nodes --------------------------------------------------------------- */

/* Types and places are possible, so that nothing later has to doubt them. */
static bool
is_plausible (struct pool *p, const struct format_entry *e, unsigned level)
{
  const uint64_t blocks = pool_blocks (p);
  uint32_t i;

  for (i = 0; i < p->fan; ++i) {
    const unsigned type = format_type (&e[i]);

    if (type == FORMAT_HOLE || (level == 0 && type == FORMAT_ZERO))
      continue;
    if (type != (level > 0 ? FORMAT_NODE : FORMAT_DATA)
        || format_place (&e[i]) >= blocks
        || format_is_fixed (&p->super, format_place (&e[i])))
      return false;
  }
  return true;
}

static int
prove_node (struct pool *p, const struct format_entry *e, unsigned level,
            const struct format_entry *buf)
{
  const int r = scrub_prove (p, e, buf);

  return r == 0 && !is_plausible (p, buf, level) ? -EBADMSG : r;
}

/* Bytes of the volume below the node of LEVEL at the cursor, in blocks: as
 * far as the volume reaches.
 */
static uint64_t
reach (const struct scrub_job *job, unsigned level, uint64_t *first)
{
  const uint64_t span = tree_span (job->p, level);
  const uint64_t end = base_div_up (job->size, job->p->block_size);

  *first = job->cursor - job->cursor % span;
  return end > *first ? BASE_MIN (span, end - *first) : span;
}

/* The node that E names is bad below; the cache may have it.  1 = L has it
 * now, 0 = it is lost to us.
 */
static int
mend_node (struct scrub_job *job, struct scrub_level *l,
           const struct format_entry *e, unsigned level, int why)
{
  struct pool *p = job->p;
  CLEANUP_NODE struct node *n = node_cached (p, e, level);
  uint64_t first;
  const uint64_t length = reach (job, level, &first);
  int mended = 0;

  if (n && prove_node (p, e, level, n->e) == 0) {
    memcpy (l->e, n->e, p->block_size);
    if (why == -EBADMSG)
      mended = scrub_rewrite (job, e, n->e);
  }
  if (mended >= 0)
    tell (job, "map node", first, length, format_place (e), 1, why,
          mended == 1);
  return mended < 0 ? mended : n != NULL;
}

/* 1 = L has the node that E names, 0 = it cannot be had. */
static int
load_node (struct scrub_job *job, struct scrub_level *l,
           const struct format_entry *e, unsigned level)
{
  int r;

  l->entry = *e;
  l->valid = false;
  l->whole = job->cursor % tree_span (job->p, level) == 0;
  r = scrub_read (job, format_place (e), 1, l->e);
  if (r < 0 && !scrub_is_damage (r))
    return r;
  if (r == 0)
    r = prove_node (job->p, e, level, l->e);
  r = r == 0 ? 1 : mend_node (job, l, e, level, r);
  l->valid = r == 1;
  return r;
}

/* ---- looking the cursor up ----------------------------------------------- */

/* Where the part of the map that is on disk begins. */
struct spot {
  struct format_entry e;        /* of a node of ... */
  unsigned level;
  bool in_memory;               /* job->leaf has it, down to the leaf */
};

/* volume->lock is held.  False: the map ends before the cursor. */
static bool
find_spot (struct scrub_job *job, struct spot *spot)
{
  struct pool *p = job->p;
  struct volume *v = job->v;
  const struct node *n = v->root, *child;
  unsigned level = n ? n->level : v->levels - 1, i;

  if (job->cursor >= tree_span (p, level))
    return false;
  spot->e = v->root_entry;
  spot->in_memory = false;
  while (n && n->dirty) {
    job->path[level].valid = false;
    if (level == 0) {
      memcpy (job->leaf, n->e, p->block_size);
      spot->in_memory = true;
      break;
    }
    i = slot_of (p, job->cursor, level--);
    child = n->child ? n->child[i] : NULL;
    spot->e = n->e[i];
    n = child;
  }
  if (n && !n->dirty)
    spot->e = n->self;
  spot->level = level;
  return true;
}

/* 1 = *E is the leaf at the cursor, 0 = nothing to look at below a node of
 * *LEVEL.
 */
static int
descend (struct scrub_job *job, const struct spot *spot,
         const struct format_entry **e, unsigned *level)
{
  struct pool *p = job->p;
  struct format_entry at = spot->e;
  unsigned k;
  int r;

  for (k = spot->level;; --k) {
    struct scrub_level *l = &job->path[k];

    *level = k;
    if (format_type (&at) != FORMAT_NODE || is_done (p, format_place (&at)))
      return 0;
    if (!l->valid || !format_entry_same (&l->entry, &at)) {
      r = load_node (job, l, &at, k);
      if (r <= 0)
        return r;
    }
    if (k == 0)
      break;
    at = l->e[slot_of (p, job->cursor, k)];
  }
  *e = job->path[0].e;
  return 1;
}

/* The cursor moves to TO.  Nodes that end before it are through. */
static void
advance (struct scrub_job *job, uint64_t to)
{
  struct pool *p = job->p;
  unsigned k;

  job->cursor = to;
  for (k = 0; p->fan_shift * (k + 1) < 64 && k < FORMAT_MAX_LEVELS; ++k) {
    struct scrub_level *l = &job->path[k];

    if (to % tree_span (p, k) != 0)
      break;
    if (l->valid && l->whole)
      mark_done (job, format_place (&l->entry));
    l->valid = false;
  }
}

/* ---- data ---------------------------------------------------------------- */

/* The first run at or after slot FROM of the leaf E that is still to be
 * verified; its length, 0 if there is none.
 */
static uint32_t
next_run (struct scrub_job *job, const struct format_entry *e, uint32_t from,
          uint32_t *start)
{
  struct pool *p = job->p;
  const uint32_t most = SCRUB_STEP / p->block_size;
  uint32_t i, n = 0;
  LOCK_FOR_SCOPE (&p->space.lock);

  for (i = from; i < p->fan && n < most; ++i) {
    const bool wanted = format_type (&e[i]) == FORMAT_DATA
      && !bit_locked (p, format_place (&e[i]));

    if (n == 0 && wanted) {
      *start = i;
      n = 1;
    }
    else if (n > 0) {
      if (!wanted || format_place (&e[i]) != format_place (&e[*start]) + n)
        break;
      n++;
    }
  }
  return n;
}

/* Is E still what the volume has at BLOCK? */
static bool
still_there (struct scrub_job *job, uint64_t block,
             const struct format_entry *e)
{
  struct format_entry now;
  bool hole;
  const int64_t n = tree_lookup (job->v, block, 1, &now, 1, &hole);

  return n < 0 || (!hole && format_entry_same (&now, e));
}

/* 0 good, 1 replaced meanwhile, or the damage. */
static int
judge (struct scrub_job *job, uint64_t block, const struct format_entry *e,
       const void *buf)
{
  if (scrub_prove (job->p, e, buf) == 0)
    return 0;
  return still_there (job, block, e) ? -EBADMSG : 1;
}

/* N blocks with entries E, side by side, of the logical blocks from BLOCK on.
 * Equal verdicts of neighbours are told of as one range.
 */
static int
verify_run (struct scrub_job *job, const struct format_entry *e,
            uint64_t block, uint32_t n)
{
  const uint64_t bs = job->p->block_size, place = format_place (e);
  int whole, now, last = 0;
  uint32_t i, first = 0;

  whole = scrub_read (job, place, n, job->data);
  if (whole < 0 && !scrub_is_damage (whole))
    return whole;
  for (i = 0; i <= n; ++i) {
    now = 0;
    if (i < n && whole < 0 && n > 1) {
      now = scrub_read (job, place + i, 1, job->data + i * bs);
      if (now < 0 && !scrub_is_damage (now))
        return now;
    }
    else if (i < n)
      now = whole;
    if (i < n && now == 0) {
      now = judge (job, block + i, &e[i], job->data + i * bs);
      if (now == 0)
        mark_done (job, place + i);
      else if (now == 1)
        spoil (job);
    }
    if (now == last)
      continue;
    if (last < 0)
      tell (job, "data", block + first, i - first, place + first, i - first,
            last, false);
    first = i;
    last = now;
  }
  return 0;
}

static int
scrub_leaf (struct scrub_job *job, const struct format_entry *e)
{
  struct pool *p = job->p;
  const uint64_t base = job->cursor - job->cursor % p->fan;
  const uint32_t from = job->cursor % p->fan;
  uint32_t start = 0, n;
  int r = 0;

  n = next_run (job, e, from, &start);
  if (n == 0)
    advance (job, base + p->fan);
  else {
    r = verify_run (job, &e[start], base + start, n);
    if (r == 0)
      advance (job, base + start + n);
  }
  return r;
}

/* ---- steps --------------------------------------------------------------- */

/* 1 = there is more of this volume, 0 = it is through, or gone. */
static int
step (struct scrub_job *job)
{
  struct pool *p = job->p;
  struct volume *v = job->v;
  const struct format_entry *e = job->leaf;
  struct reader reader;
  struct spot spot;
  unsigned level = 0, k;
  uint64_t span;
  bool more;
  int r;

  base_mutex_lock (&p->table_lock);
  more = volume_is_named (v);
  if (more) {
    job->size = le64toh (v->rec.size);
    reader = reader_enter (p);
    base_rwlock_rdlock (&v->lock);
    more = find_spot (job, &spot);
    base_rwlock_unlock (&v->lock);
    if (!more)
      reader_exit (p, reader);
  }
  base_mutex_unlock (&p->table_lock);
  if (!more)
    return 0;

  r = spot.in_memory ? 1 : descend (job, &spot, &e, &level);
  if (r == 1)
    r = scrub_leaf (job, e);
  else if (r == 0) {
    /* What was below is no longer, or was done before. */
    for (k = 0; k <= level; ++k)
      job->path[k].valid = false;
    span = tree_span (p, level);
    advance (job, job->cursor - job->cursor % span + span);
  }
  reader_exit (p, reader);
  return r < 0 ? r : 1;
}

static struct volume *
next_volume (struct pool *p, uint64_t after)
{
  struct volume *v, *next = NULL;
  LOCK_FOR_SCOPE (&p->table_lock);

  for (v = p->volumes; v; v = v->next)
    if (v->id > after && volume_is_named (v)
        && (next == NULL || v->id < next->id))
      next = v;
  if (next)
    volume_ref (next);
  return next;
}

static int
scrub_volume (struct scrub_job *job)
{
  unsigned k;
  int r;

  job->cursor = 0;
  for (k = 0; k < FORMAT_MAX_LEVELS; ++k)
    job->path[k].valid = false;
  do {
    r = step (job);
    if (r == 1) {
      const int paused = scrub_pause (job);

      r = paused < 0 ? paused : 1;
    }
  } while (r == 1);
  return r;
}

int
scrub_maps (struct scrub_job *job)
{
  uint64_t id = 0;
  int r = 0;

  for (job->v = next_volume (job->p, id); job->v && r == 0;
       job->v = next_volume (job->p, id)) {
    id = job->v->id;
    r = scrub_volume (job);
    volume_unref (job->v);
  }
  volume_unref (job->v);
  return r;
}
