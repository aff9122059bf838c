/* SPDX-License-Identifier: BSD-3-Clause
 *
 * check-map: walks the map of one volume, snapshot, import or orphan.
 *
 * Every node is entered once in the whole pool, by the first record that
 * reaches it; what a shared node was found to hold is remembered
 * (check-reach.c) and judged against each further record without walking
 * again, so that a thousand snapshots of one volume cost little more than
 * one.  The walk knows whether it stands below a node with more than one
 * reference: what is there is shared, and must not be younger than the
 * volume's snap_epoch.
 *
 * An orphan counts from its cursor on.  Entries below are what they were, but
 * the blocks they name may hold anything by now.
 */

#include "check-internal.h"

/* Data blocks that lie one after the other: read together. */
struct queue {
  size_t n, max;
  uint64_t base;                /* logical block of the first */
  struct format_entry entry[CHECK_DATA_BYTES >> FORMAT_MIN_BLOCK_SHIFT];
};

struct map {
  const struct check_record *record;
  uint64_t blocks;              /* logical blocks within the size */
  bool orphan, volume, overlay;
  struct queue queue;
};

/* ---- data ---------------------------------------------------------------- */

static void
data_problem (struct check *c, const struct map *m, size_t i, const char *why)
{
  check_error (c, "%s: data of block %" PRIu64 " (at block %" PRIu64 "): %s",
               m->record->label, m->queue.base + i,
               format_place (&m->queue.entry[i]), why);
}

static void
data_check (struct check *c, struct map *m)
{
  struct queue *q = &m->queue;
  const uint64_t first = q->n > 0 ? format_place (&q->entry[0]) : 0;
  const bool whole = q->n > 1 &&
    vdev_read (c->backing, c->data, q->n * c->bs, first << c->block_shift) == 0;
  const uint8_t *block;
  const char *why;
  uint32_t sum;
  size_t i;

  for (i = 0; i < q->n && c->stop == 0; i++) {
    if (whole) {
      block = c->data + i * c->bs;
      sum = base_crc32c (block, c->bs) ^
        format_mix (c->super->uuid, first + i, format_birth (&q->entry[i]));
      why = sum == le32toh (q->entry[i].check) ? NULL : "checksum";
    }
    else
      why = check_read (c, &q->entry[i], c->data);
    if (why)
      data_problem (c, m, i, why);
  }
  q->n = 0;
}

static void
data_add (struct check *c, struct map *m, const struct format_entry *e,
          uint64_t logical)
{
  struct queue *q = &m->queue;

  if (c->data == NULL)
    return;
  if (q->n > 0 &&
      (q->n == q->max || q->base + q->n != logical ||
       format_place (&q->entry[0]) + q->n != format_place (e)))
    data_check (c, m);
  if (q->n == 0)
    q->base = logical;
  q->entry[q->n++] = *e;
}

/* ---- entries and nodes --------------------------------------------------- */

/* E names a block that somebody else reaches too. */
static void
judge_shared (struct check *c, const struct map *m, const struct check_at *at,
              const struct format_entry *e)
{
  if (m->volume && format_birth (e) > m->record->snap_epoch)
    check_error (c, "%s: %s at block %" PRIu64 " (for %" PRIu64 "): is shared "
                 "although born in epoch %" PRIu32 ", snap_epoch is %" PRIu32,
                 at->label, check_block_name (at), format_place (e), at->base,
                 format_birth (e), m->record->snap_epoch);
}

/* Does what is in SUB fit this record? */
static void
judge_subtree (struct check *c, const struct map *m, const struct check_at *at,
               const struct check_subtree *sub)
{
  if (sub->end > m->blocks)
    check_error (c, "%s: has entries up to block %" PRIu64 ", beyond its size",
                 at->label, sub->end - 1);
  if (sub->zero && !m->overlay)
    check_error (c, "%s: has zero entries below block %" PRIu64
                 ", but is no overlay", at->label, at->base);
}

static void
add_subtree (struct check_subtree *to, const struct check_subtree *sub)
{
  to->data += sub->data;
  to->nodes += sub->nodes;
  to->shared += sub->shared;
  to->end = BASE_MAX (to->end, sub->end);
  to->zero |= sub->zero;
  to->bad |= sub->bad;
}

static void
leaf_entry (struct check *c, struct map *m, const struct format_entry *e,
            uint64_t logical, uint32_t birth, bool shared,
            struct check_subtree *out)
{
  const struct check_at at = { .label = m->record->label, .tree = CHECK_MAP,
    .level = CHECK_DATA_LEVEL, .base = logical };
  struct check_subtree sub = { .end = logical + 1 }, memo;
  int64_t refs = 0;

  if (!check_entry (c, &at, e, 1 << FORMAT_HOLE | 1 << FORMAT_DATA |
                    1 << FORMAT_ZERO, birth)) {
    out->bad = true;
    c->blind = true;
    return;
  }
  switch (format_type (e)) {
  case FORMAT_HOLE:
    return;
  case FORMAT_ZERO:
    sub.zero = true;
    break;
  case FORMAT_DATA:
    sub.data = 1;
    if (check_reach (c, &at, e, &refs, &memo) == CHECK_FIRST) {
      c->result->data++;
      data_add (c, m, e, logical);
    }
    if (shared || refs > 0)
      judge_shared (c, m, &at, e);
  }
  judge_subtree (c, m, &at, &sub);
  add_subtree (out, &sub);
}

/* True when everything below the node at BASE has been released. */
static bool
released (const struct check *c, const struct map *m, unsigned level,
          uint64_t base)
{
  return m->orphan && base < m->record->cursor &&
    m->record->cursor - base >= check_span (c, level);
}

static void map_node (struct check *c, struct map *m,
                      const struct format_entry *e, unsigned level,
                      uint64_t base, uint32_t birth, bool shared,
                      struct check_subtree *out);

/* The node's block is in c->node[level]. */
static void
map_children (struct check *c, struct map *m, const struct format_entry *e,
              unsigned level, uint64_t base, bool shared,
              struct check_subtree *out)
{
  struct check_at at = { .label = m->record->label, .tree = CHECK_MAP,
    .level = level, .base = base };
  const uint8_t *buf = c->node[level];
  const uint64_t span = check_span (c, level);
  struct format_entry child;
  uint64_t first;
  size_t i;

  if (base_is_zero (buf, c->bs))
    check_error (c, "%s: map node at block %" PRIu64 ", level %u: has no "
                 "entries", at.label, format_place (e), level);
  for (i = 0; i < c->fan && c->stop == 0; i++) {
    memcpy (&child, buf + i * sizeof child, sizeof child);
    if (BASE_MUL_OVERFLOW (i, span, &first) ||
        BASE_ADD_OVERFLOW (first, base, &first))
      first = UINT64_MAX - 1;   /* a map with more levels than any needs */
    if (released (c, m, level, first)) {
      at.base = first;
      check_entry (c, &at, &child, 1 << FORMAT_HOLE | 1 << FORMAT_NODE,
                   format_birth (e));
    }
    else if (level == 0)
      leaf_entry (c, m, &child, first, format_birth (e), shared, out);
    else if (!base_is_zero (&child, sizeof child))
      map_node (c, m, &child, level - 1, first, format_birth (e), shared,
                out);
  }
}

/* Proves and enters a node that nobody reached before. */
static void
map_enter (struct check *c, struct map *m, const struct check_at *at,
           const struct format_entry *e, bool shared,
           struct check_subtree *sub)
{
  const char *why;

  c->result->nodes++;
  sub->nodes = 1;
  sub->shared = shared;
  why = check_read (c, e, c->node[at->level]);
  if (why) {
    check_error (c, "%s: map node at block %" PRIu64 ", level %u: %s",
                 at->label, format_place (e), at->level, why);
    sub->bad = true;
    c->blind = true;
    return;
  }
  map_children (c, m, e, at->level, at->base, shared, sub);
}

/* A node at LEVEL covers fan^(level + 1) logical blocks from BASE. */
static void
map_node (struct check *c, struct map *m, const struct format_entry *e,
          unsigned level, uint64_t base, uint32_t birth, bool shared,
          struct check_subtree *out)
{
  const struct check_at at = { .label = m->record->label, .tree = CHECK_MAP,
    .level = level, .base = base };
  struct check_subtree sub = { .data = 0 };
  int64_t refs;

  if (!check_progress (c))
    return;
  if (!check_entry (c, &at, e, 1 << FORMAT_NODE, birth)) {
    out->bad = true;
    c->blind = true;
    return;
  }
  if (base >= m->blocks) {
    check_error (c, "%s: map node at block %" PRIu64 ", level %u: is beyond "
                 "its size", at.label, format_place (e), level);
    out->bad = true;
    c->blind = true;
    return;
  }
  switch (check_reach (c, &at, e, &refs, &sub)) {
  case CHECK_FIRST:
    map_enter (c, m, &at, e, shared || refs > 0, &sub);
    if (refs > 0)
      check_remember (c, format_place (e), &sub);
    break;
  case CHECK_AGAIN:
    sub.shared = sub.nodes;
    judge_subtree (c, m, &at, &sub);
    break;
  case CHECK_CLASH:
    sub.bad = true;
    break;
  }
  if (shared || refs > 0)
    judge_shared (c, m, &at, e);
  if (m->orphan && base < m->record->cursor && refs > 0)
    check_error (c, "%s: map node at block %" PRIu64 ", level %u: is half "
                 "released, but shared", at.label, format_place (e), level);
  add_subtree (out, &sub);
}

/* ---- the whole map ------------------------------------------------------- */

/* Bytes of the last block beyond the size are zero. */
static void
check_tail (struct check *c, const struct map *m)
{
  const struct check_record *r = m->record;
  const size_t used = r->size & (c->bs - 1);
  struct format_entry e = r->root.entry;
  unsigned level = r->root.levels;
  const uint8_t *block;
  uint64_t index;

  if (used == 0)
    return;
  while (format_type (&e) == FORMAT_NODE && level > 0) {
    block = check_cached_block (c, &e);
    if (block == NULL)
      return;
    level--;
    index = check_shr (m->blocks - 1, level * c->fan_shift) & (c->fan - 1);
    memcpy (&e, block + index * sizeof e, sizeof e);
  }
  if (level > 0 || format_type (&e) != FORMAT_DATA)
    return;
  block = check_cached_block (c, &e);
  if (block && !base_is_zero (block + used, c->bs - used))
    check_error (c, "%s: data of block %" PRIu64 " (at block %" PRIu64 "): "
                 "bytes beyond the end are not zero", r->label, m->blocks - 1,
                 format_place (&e));
}

static void
compare_counts (struct check *c, const struct check_record *r,
                const struct check_subtree *found)
{
  if (r->mapped != found->data)
    check_error (c, "%s: says that %" PRIu64 " blocks are mapped, %" PRIu64
                 " are", r->label, r->mapped, found->data);
  if (r->nodes != found->nodes)
    check_error (c, "%s: says that its map has %" PRIu64 " nodes, it has %"
                 PRIu64, r->label, r->nodes, found->nodes);
  if (r->shared < found->shared || r->shared > r->nodes)
    check_error (c, "%s: says that at most %" PRIu64 " of %" PRIu64
                 " nodes are shared, %" PRIu64 " are", r->label, r->shared,
                 r->nodes, found->shared);
}

/* The size of an orphan means nothing any more; an import may have outgrown
 * its own.
 */
void
check_map (struct check *c, const struct check_record *r)
{
  const bool orphan = r->kind == FORMAT_ORPHAN;
  const bool sized = !orphan && r->kind != FORMAT_INCOMPLETE;
  const uint64_t blocks = base_div_up (r->size, c->bs);
  struct map m = {
    .record = r,
    .blocks = sized ? blocks : UINT64_MAX,
    .orphan = orphan,
    .volume = r->kind == FORMAT_VOLUME || r->kind == FORMAT_INCOMPLETE,
    .overlay = orphan || r->flags & FORMAT_RECORD_OVERLAY,
    .queue.max = CHECK_DATA_BYTES >> c->block_shift,
  };
  const struct format_entry *root = &r->root.entry;
  const unsigned levels = r->root.levels;
  const unsigned needed =
    orphan ? 1 : format_levels (base_div_up (blocks, c->fan), c->fan_shift);
  /* Nothing in a snapshot is younger than it. */
  const uint32_t birth =
    r->kind == FORMAT_SNAPSHOT ? BASE_MIN (r->epoch, c->epoch) : c->epoch;
  struct check_subtree found = { .data = 0 };

  if (levels < needed || levels * c->fan_shift >= 64) {
    check_error (c, "%s: its map has %u levels, its size needs %u", r->label,
                 levels, needed);
    c->blind = true;
    return;
  }
  if (!base_is_zero (root, sizeof *root) && !released (c, &m, levels, 0))
    map_node (c, &m, root, levels - 1, 0, birth, false, &found);
  if (c->stop == 0)
    data_check (c, &m);
  if (c->stop == 0 && !found.bad) {
    if (!m.orphan)
      compare_counts (c, r, &found);
    if (sized)
      check_tail (c, &m);
  }
}
