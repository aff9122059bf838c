/* SPDX-License-Identifier: BSD-3-Clause
 *
 * check-tree: the pool's own trees.
 *
 * table, space, refs and backed are walked twice.  The first walk proves
 * their nodes and marks them reached; the table's leaves go to check-map.c,
 * which walks the volumes.  The second walk, when everything has been
 * reached, compares the leaves of space, refs and backed with what was
 * found.  It takes blocks it cannot read as unknown, because the first walk
 * has reported them.
 */

#include "check-internal.h"

/* ---- the walk ------------------------------------------------------------ */

struct walk {
  struct check_at at;
  uint64_t leaves;              /* the tree can have */
  bool first;                   /* report and mark */
  check_leaf_fn fn;             /* may be NULL */
  void *opaque;
};

static void
leaves (struct check *c, const struct walk *w, uint64_t base, unsigned level,
        enum check_leaf state, const uint8_t *leaf)
{
  const uint64_t n = state == CHECK_PRESENT ? 1 : check_span (c, level);

  if (w->fn && base < w->leaves)
    w->fn (c, base, BASE_MIN (n, w->leaves - base), state, leaf, w->opaque);
}

/* Proves the node E (first walk) or just reads it.  False: unknown. */
static bool
load (struct check *c, const struct walk *w, const struct check_at *at,
      const struct format_entry *e, uint32_t birth, uint8_t *buf)
{
  struct check_subtree memo;
  const char *why;
  int64_t refs;

  if (!w->first)
    return format_type (e) == FORMAT_NODE && format_place (e) < c->blocks &&
      check_read (c, e, buf) == NULL;
  if (!check_entry (c, at, e, 1 << FORMAT_NODE, birth)) {
    c->blind = true;
    return false;
  }
  /* Each position is met once, so that "again" cannot happen here. */
  if (check_reach (c, at, e, &refs, &memo) != CHECK_FIRST)
    return false;
  c->result->nodes++;
  why = check_read (c, e, buf);
  if (why) {
    check_error (c, "%s: node at block %" PRIu64 ", level %u: %s", at->label,
                 format_place (e), at->level, why);
    c->blind = true;
  }
  return why == NULL;
}

static void
walk (struct check *c, const struct walk *w, const struct format_entry *e,
      unsigned level, uint64_t base, uint32_t birth)
{
  struct check_at at = w->at;
  uint8_t *buf = c->node[level];
  struct format_entry child;
  size_t i;

  at.level = level;
  at.base = base;
  if (!check_progress (c))
    return;
  if (format_type (e) == FORMAT_HOLE) {
    if (w->first)
      check_entry (c, &at, e, 1 << FORMAT_HOLE, birth);
    leaves (c, w, base, level, CHECK_ABSENT, NULL);
    return;
  }
  if (base >= w->leaves) {
    if (w->first)
      check_error (c, "%s: node at block %" PRIu64 ", level %u: is beyond the "
                   "end of the tree", at.label, format_place (e), level);
    return;
  }
  if (!load (c, w, &at, e, birth, buf)) {
    leaves (c, w, base, level, CHECK_UNKNOWN, NULL);
    return;
  }
  if (level == 0) {
    leaves (c, w, base, level, CHECK_PRESENT, buf);
    return;
  }
  for (i = 0; i < c->fan && c->stop == 0; i++) {
    memcpy (&child, buf + i * sizeof child, sizeof child);
    walk (c, w, &child, level - 1, base + i * check_span (c, level - 1),
          format_birth (e));
  }
}

static void
walk_tree (struct check *c, struct walk *w, const struct format_root *root,
           uint64_t items, uint64_t per_leaf)
{
  unsigned needed;

  w->leaves = base_div_up (items, per_leaf);
  needed = format_levels (w->leaves, c->fan_shift);
  if (root->levels != needed) {
    if (w->first) {
      check_error (c, "%s: has %u levels, needs %u", w->at.label, root->levels,
                   needed);
      c->blind = true;
    }
    if (w->fn && w->leaves > 0)
      w->fn (c, 0, w->leaves, CHECK_UNKNOWN, NULL, w->opaque);
    return;
  }
  if (w->first && !base_is_zero (root->reserved, sizeof root->reserved))
    check_error (c, "%s: reserved bytes of the root are set", w->at.label);
  walk (c, w, &root->entry, needed - 1, 0, c->epoch);
}

static void
walk_one (struct check *c, enum check_tree_id tree, bool first,
          check_leaf_fn fn, void *opaque)
{
  struct walk w = { .first = first, .fn = fn, .opaque = opaque };
  const struct format_super *s = c->super;
  const uint64_t bits = (uint64_t) c->bs * 8;

  w.at.tree = tree;
  switch (tree) {
  case CHECK_TABLE:
    w.at.label = "table";
    walk_tree (c, &w, &s->table, le32toh (s->slots),
               c->bs / FORMAT_RECORD_SIZE);
    break;
  case CHECK_SPACE:
    w.at.label = "space map";
    walk_tree (c, &w, &s->space, c->blocks, bits);
    break;
  case CHECK_REFS:
    w.at.label = "reference counts";
    walk_tree (c, &w, &s->refs, c->blocks, c->bs / 4);
    break;
  case CHECK_BACKED:
    w.at.label = "backed slabs";
    walk_tree (c, &w, &s->backed,
               base_div_up (c->blocks, UINT64_C (1) << s->slab_shift), bits);
    break;
  case CHECK_MAP:
    break;
  }
}

void
check_pool_trees (struct check *c, check_leaf_fn fn, void *opaque)
{
  walk_one (c, CHECK_REFS, true, NULL, NULL);
  walk_one (c, CHECK_SPACE, true, NULL, NULL);
  walk_one (c, CHECK_BACKED, true, NULL, NULL);
  walk_one (c, CHECK_TABLE, true, fn, opaque);
}

/* ---- comparison ---------------------------------------------------------- */

/* Blocks with the same problem, one after the other: one message. */
struct run {
  uint64_t first, n;
  bool leak;
};

struct compare {
  struct run run;
  uint64_t set;                 /* bits set in the space tree */
  bool unknown;                 /* some of it could not be read */
};

static void
run_end (struct check *c, struct run *r)
{
  if (r->n == 0)
    return;
  if (r->leak)
    check_leak (c, r->n, "space map: blocks %" PRIu64 " to %" PRIu64
                ": allocated, but nothing refers to them", r->first,
                r->first + r->n - 1);
  else
    check_error (c, "space map: blocks %" PRIu64 " to %" PRIu64
                 ": in use, but marked free", r->first, r->first + r->n - 1);
  r->n = 0;
}

static void
run_add (struct check *c, struct run *r, uint64_t place, bool leak)
{
  if (r->n == 0 || r->leak != leak || r->first + r->n != place) {
    run_end (c, r);
    r->first = place;
    r->leak = leak;
  }
  r->n++;
}

static uint64_t
reached_word (const struct check *c, uint64_t place)
{
  const uint64_t *chunk;

  if (place >= c->blocks)
    return 0;
  chunk = c->chunks[place >> CHECK_CHUNK_SHIFT];
  return chunk ? chunk[(place & (CHECK_CHUNK - 1)) / 64] : 0;
}

/* Bits that differ in one word of the space map. */
static void
space_word (struct check *c, struct compare *s, uint64_t place, uint64_t word)
{
  const uint64_t reached = reached_word (c, place);
  uint64_t differ = word ^ reached, p;
  unsigned bit;

  s->set += (unsigned) __builtin_popcountll (word);
  for (; differ != 0; differ &= differ - 1) {
    bit = (unsigned) __builtin_ctzll (differ);
    p = place + bit;
    if (p >= c->blocks) {
      check_error (c, "space map: bits beyond the last block are set");
      return;
    }
    if (reached >> bit & 1)
      run_add (c, &s->run, p, false);
    else if (!c->blind)
      run_add (c, &s->run, p, true);
  }
}

static void
space_leaf (struct check *c, uint64_t first, uint64_t n, enum check_leaf state,
            const uint8_t *leaf, void *opaque)
{
  struct compare *s = opaque;
  const uint64_t bits = (uint64_t) c->bs * 8;
  const uint64_t end = BASE_MIN ((first + n) * bits, c->blocks);
  uint64_t place = first * bits, word;
  size_t i;

  switch (state) {
  case CHECK_PRESENT:
    for (i = 0; i < c->bs; i += 8) {
      memcpy (&word, leaf + i, 8);
      space_word (c, s, place + i * 8, le64toh (word));
    }
    break;
  case CHECK_ABSENT:
    for (place = check_next_reached (c, place); place < end;
         place = check_next_reached (c, place + 1))
      run_add (c, &s->run, place, false);
    break;
  case CHECK_UNKNOWN:
    s->unknown = true;
    break;
  }
}

static void
refs_leaf (struct check *c, uint64_t first, uint64_t n BASE_UNUSED,
           enum check_leaf state, const uint8_t *leaf,
           void *opaque BASE_UNUSED)
{
  const size_t items = c->bs / 4;
  uint32_t number;
  uint64_t place;
  size_t i;

  if (state != CHECK_PRESENT)
    return;
  for (i = 0; i < items; i++) {
    memcpy (&number, leaf + i * 4, 4);
    place = first * items + i;
    if (number == 0)
      continue;
    if (place >= c->blocks) {
      check_error (c, "reference counts: numbers beyond the last block are "
                   "set");
      return;
    }
    if (format_is_fixed (c->super, place))
      check_error (c, "reference counts: block %" PRIu64 ": is fixed, but %"
                   PRIu64 " references are counted", place,
                   (uint64_t) le32toh (number) + 1);
    else if (!check_reached (c, place) && !c->blind)
      check_error (c, "reference counts: block %" PRIu64 ": is not in use, but "
                   "%" PRIu64 " references are counted", place,
                   (uint64_t) le32toh (number) + 1);
  }
}

static void
backed_leaf (struct check *c, uint64_t first, uint64_t n BASE_UNUSED,
             enum check_leaf state, const uint8_t *leaf,
             void *opaque BASE_UNUSED)
{
  const uint64_t bits = (uint64_t) c->bs * 8;
  const uint64_t slabs =
    base_div_up (c->blocks, UINT64_C (1) << c->super->slab_shift);
  uint64_t i;

  if (state != CHECK_PRESENT || slabs - first * bits >= bits)
    return;
  i = slabs - first * bits;
  if ((i % 8 != 0 && leaf[i / 8] >> i % 8 != 0)
      || !base_is_zero (leaf + base_div_up (i, 8), (bits - i) / 8))
    check_error (c, "backed slabs: bits beyond the last slab are set");
}

static void
compare_backed (struct check *c)
{
  const unsigned shift = c->super->slab_shift;
  uint64_t place = 0, slab;

  for (;;) {
    place = check_next_reached (c, place);
    if (place >= c->blocks)
      return;
    if (format_is_fixed (c->super, place)) {
      place++;
      continue;
    }
    slab = place >> shift;
    if (!check_backed (c, slab))
      check_error (c, "backed slabs: slab %" PRIu64 ": not backed, but block %"
                   PRIu64 " in it is in use", slab, place);
    place = (slab + 1) << shift;
  }
}

void
check_compare (struct check *c)
{
  struct compare s = { .set = 0 };
  const uint64_t allocated = le64toh (c->super->allocated);

  walk_one (c, CHECK_SPACE, false, space_leaf, &s);
  if (c->stop)
    return;
  run_end (c, &s.run);
  if (!s.unknown && s.set != allocated)
    check_error (c, "superblock: says that %" PRIu64 " blocks are allocated, "
                 "the space map has %" PRIu64, allocated, s.set);
  check_unmet (c);
  walk_one (c, CHECK_REFS, false, refs_leaf, NULL);
  walk_one (c, CHECK_BACKED, false, backed_leaf, NULL);
  compare_backed (c);
}
