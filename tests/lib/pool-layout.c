/* SPDX-License-Identifier: BSD-3-Clause
 *
 * pool-layout: writes a pool-image down.
 *
 * Places first, contents second: the space tree has to know the places of
 * its own nodes, so every node of every tree gets its place before anything
 * is written.  Then maps, refs, space, backed and table are written from the
 * leaves up, and the superblock to all four copies: this generation and the
 * one before it.
 */

#include <stdlib.h>

#include "pool-image.h"
#include "pool-image-internal.h"

/* ---- maps ---------------------------------------------------------------- */

static void
place_map (struct pi *p, struct pi_node *n)
{
  size_t i;

  if (n == NULL || n->place != 0)
    return;
  n->place = pi_place (p);
  p->refs[n->place] = n->refs;
  for (i = 0; n->level > 0 && i < p->fan; i++)
    place_map (p, n->e[i].child);
}

static void
entry_for (struct pi *p, struct format_entry *e, unsigned type,
           uint64_t place, uint32_t birth)
{
  const uint32_t sum = base_crc32c (p->image + place * p->bs, p->bs);

  format_entry_set (e, type, place, birth,
                    sum ^ format_mix (p->super.uuid, place, birth));
}

static void
write_map (struct pi *p, const struct pi_node *n)
{
  struct format_entry *out = (void *) (p->image + n->place * p->bs);
  size_t i;

  for (i = 0; i < p->fan; i++) {
    const struct pi_entry *e = &n->e[i];

    if (e->stale)               /* whatever it was; nobody may look */
      format_entry_set (&out[i], FORMAT_NODE, n->place, n->birth, 0xdead);
    else if (e->child) {
      write_map (p, e->child);
      entry_for (p, &out[i], FORMAT_NODE, e->child->place, e->child->birth);
    }
    else if (e->type == FORMAT_DATA)
      entry_for (p, &out[i], FORMAT_DATA, e->place, e->birth);
    else if (e->type == FORMAT_ZERO)
      format_entry_set (&out[i], FORMAT_ZERO, 0, e->birth, 0);
  }
}

static void
count_map (struct pi *p, const struct pi_node *n, bool shared,
           struct format_record *f)
{
  size_t i;

  shared |= n->refs > 1;
  f->nodes = htole64 (le64toh (f->nodes) + 1);
  if (shared)
    f->shared = htole64 (le64toh (f->shared) + 1);
  for (i = 0; i < p->fan; i++)
    if (n->e[i].child)
      count_map (p, n->e[i].child, shared, f);
    else if (n->level == 0 && n->e[i].type == FORMAT_DATA)
      f->mapped = htole64 (le64toh (f->mapped) + 1);
}

/* ---- the pool's own trees ------------------------------------------------ */

struct tree {
  unsigned levels;
  uint64_t count[FORMAT_MAX_LEVELS];    /* nodes per level */
  uint64_t *place[FORMAT_MAX_LEVELS];   /* 0: absent */
};

/* WANT (NULL: all) says which leaves exist. */
static void
tree_place (struct pi *p, struct tree *t, uint64_t leaves, const bool *want)
{
  unsigned level;
  uint64_t i;

  t->levels = format_levels (leaves, p->o.block_shift - 4);
  for (level = 0; level < t->levels; level++) {
    t->count[level] = level == 0 ? leaves
      : base_div_up (t->count[level - 1], p->fan);
    t->place[level] = pi_alloc (t->count[level], sizeof (uint64_t));
    for (i = 0; level == 0 && i < leaves; i++)
      if (want == NULL || want[i])
        t->place[0][i] = pi_place (p);
    for (i = 0; level > 0 && i < t->count[level - 1]; i++)
      if (t->place[level - 1][i] && t->place[level][i / p->fan] == 0)
        t->place[level][i / p->fan] = pi_place (p);
  }
}

static uint8_t *
tree_leaf (struct pi *p, const struct tree *t, uint64_t i)
{
  return p->image + t->place[0][i] * p->bs;
}

/* The leaves are written; the rest, and the root. */
static void
tree_write (struct pi *p, struct tree *t, struct format_root *root)
{
  struct format_entry *e;
  unsigned level;
  uint64_t i;

  for (level = 1; level < t->levels; level++)
    for (i = 0; i < t->count[level - 1]; i++)
      if (t->place[level - 1][i]) {
        e = (void *) (p->image + t->place[level][i / p->fan] * p->bs);
        entry_for (p, &e[i % p->fan], FORMAT_NODE, t->place[level - 1][i],
                   p->epoch);
      }
  memset (root, 0, sizeof *root);
  root->levels = t->levels;
  if (t->count[t->levels - 1] > 0 && t->place[t->levels - 1][0])
    entry_for (p, &root->entry, FORMAT_NODE, t->place[t->levels - 1][0],
               p->epoch);
  for (level = 0; level < t->levels; level++)
    free (t->place[level]);
}

static void
set_bit (uint8_t *leaf, uint64_t bit)
{
  leaf[bit / 8] |= 1 << bit % 8;
}

static void
place_refs (struct pi *p, struct tree *refs)
{
  const uint64_t per_leaf = p->bs / 4;
  const uint64_t leaves = base_div_up (p->o.blocks, per_leaf);
  bool *want = pi_alloc (leaves, sizeof *want);
  uint64_t i;

  for (i = 0; i < p->o.blocks; i++)
    if (p->used[i] && p->refs[i] > 1)
      want[i / per_leaf] = true;
  tree_place (p, refs, leaves, want);
  free (want);
}

static void
write_refs (struct pi *p, struct tree *refs)
{
  const uint64_t per_leaf = p->bs / 4;
  uint32_t *leaf;
  uint64_t i;

  for (i = 0; i < p->o.blocks; i++)
    if (p->used[i] && p->refs[i] > 1) {
      leaf = (uint32_t *) tree_leaf (p, refs, i / per_leaf);
      leaf[i % per_leaf] = htole32 (p->refs[i] - 1);
    }
  tree_write (p, refs, &p->super.refs);
}

static void
write_space (struct pi *p, struct tree *space, struct tree *backed)
{
  const uint64_t bits = (uint64_t) p->bs * 8;
  uint64_t i, slab, n = 0;

  for (i = 0; i < p->o.blocks; i++) {
    const bool fixed = format_is_fixed (&p->super, i);

    if (!fixed && !p->used[i])
      continue;
    n++;
    set_bit (tree_leaf (p, space, i / bits), i % bits);
    slab = i >> p->o.slab_shift;
    if (!fixed)
      set_bit (tree_leaf (p, backed, slab / bits), slab % bits);
  }
  p->super.allocated = htole64 (n);
  tree_write (p, space, &p->super.space);
  tree_write (p, backed, &p->super.backed);
}

static void
write_table (struct pi *p, struct tree *table)
{
  const size_t per_leaf = p->bs / FORMAT_RECORD_SIZE;
  unsigned i;

  for (i = 0; i < p->records; i++) {
    struct pi_record *r = &p->record[i];

    if (r->root) {
      write_map (p, r->root);
      entry_for (p, &r->f.root.entry, FORMAT_NODE, r->root->place,
                 r->root->birth);
      count_map (p, r->root, false, &r->f);
    }
    memcpy (tree_leaf (p, table, i / per_leaf) +
            i % per_leaf * FORMAT_RECORD_SIZE, &r->f, sizeof r->f);
  }
  tree_write (p, table, &p->super.table);
}

/* ---- fixed blocks -------------------------------------------------------- */

static void
write_super (struct pi *p, uint64_t generation)
{
  struct format_super s = p->super;
  const bool odd = generation % 2;
  struct format_marker m = { .magic = FORMAT_MARKER_MAGIC };
  const uint64_t place = le64toh (s.journal_start) +
    generation % FORMAT_MARKERS;

  s.generation = htole64 (generation);
  s.clean = htole32 (generation == p->o.generation);
  format_super_seal (&s);
  if (generation == p->o.generation)
    p->super = s;
  memcpy (p->image + (odd ? FORMAT_SLOT_A : FORMAT_SLOT_B), &s, sizeof s);
  memcpy (p->image + le64toh (odd ? s.twin_a : s.twin_b) * p->bs, &s,
          sizeof s);

  memcpy (m.uuid, s.uuid, sizeof m.uuid);
  m.generation = s.generation;
  m.nonce = s.nonce;
  m.crc = htole32 (base_crc32c (&m, sizeof m - 4));
  memcpy (p->image + place * p->bs, &m, sizeof m);
}

void
pi_finish (struct pi *p)
{
  const uint64_t bits = (uint64_t) p->bs * 8;
  const uint32_t per_leaf = p->bs / FORMAT_RECORD_SIZE;
  const uint32_t leaves = base_div_up (BASE_MAX (p->records, 1U), per_leaf);
  struct tree table, space, refs, backed;
  unsigned i;

  pi_stamp_births (p);
  for (i = 0; i < p->records; i++)
    place_map (p, p->record[i].root);
  p->super.epoch = htole32 (p->epoch);
  p->super.slots = htole32 (leaves * per_leaf);
  p->super.next_id = htole64 (p->records + 1);

  tree_place (p, &table, leaves, NULL);
  tree_place (p, &space, base_div_up (p->o.blocks, bits), NULL);
  tree_place (p, &backed, base_div_up (p->o.blocks >> p->o.slab_shift, bits),
              NULL);
  place_refs (p, &refs);
  write_table (p, &table);
  write_refs (p, &refs);
  write_space (p, &space, &backed);

  if (p->o.generation > 1)
    write_super (p, p->o.generation - 1);
  write_super (p, p->o.generation);
}
