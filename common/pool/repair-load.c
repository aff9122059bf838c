/* SPDX-License-Identifier: BSD-3-Clause
 *
 * repair-load: the pool's own trees, without what is damaged.
 *
 * A node that cannot be read, is not what its entry says, or belongs to a tree
 * before it, is a hole from here on, and a leaf below it is marked so that
 * the nodes above are written without it.  Space, counts and slabs can be
 * counted anew.  Records cannot: of a damaged leaf of the table those are
 * taken that are well-formed and whose map's root proves itself; the others
 * are lost, and named as far as there is a name to be read.
 *
 * The table is read first: of two trees that name the same block, it is the
 * one that cannot be made anew.
 */

#include <config.h>

#include <stdlib.h>

#include "repair.h"

struct load {
  struct systree *t;
  const char *name;
  const struct format_root *root;
  uint64_t *unknown;            /* by leaf; may be NULL */
  void (*leaf) (struct repair *re, uint64_t i, const char *buf);
  uint64_t damaged;             /* nodes */
};

void
repair_own_nodes (struct repair *re,
                  void (*fn) (struct repair *re, const struct format_entry *e))
{
  struct pool *p = re->p;
  const struct systree *trees[] = { &p->table_tree, &p->space_tree,
                                    &p->refs_tree, &p->backed_tree };
  unsigned t, k;
  uint64_t i;

  for (t = 0; t < BASE_ARRAY_SIZE (trees); ++t)
    for (k = 0; k < trees[t]->levels; ++k)
      for (i = 0; i < trees[t]->count[k]; ++i)
        if (format_type (&trees[t]->entry[k][i]) == FORMAT_NODE)
          fn (re, &trees[t]->entry[k][i]);
}

/* ---- records of a damaged leaf ------------------------------------------- */

static bool
name_ok (const struct format_record *f)
{
  char name[FORMAT_NAME_MAX + 1];
  const unsigned n = f->name_length;

  if (n == 0 || n > FORMAT_NAME_MAX)
    return false;
  memcpy (name, f->name, n);
  name[n] = '\0';
  return strlen (name) == n && strchr (name, '@') == NULL
    && pool_check_name (name, 0) == 0
    && base_is_zero (f->name + n, sizeof f->name - n);
}

/* Name, cursor and size by its kind. */
static bool
kind_plausible (const struct pool *p, const struct format_record *f)
{
  if (f->kind == FORMAT_ORPHAN)
    return f->name_length == 0 && base_is_zero (f->name, sizeof f->name)
      && le64toh (f->cursor) % p->fan == 0;
  return f->kind != FORMAT_FREE && f->kind <= FORMAT_INCOMPLETE
    && name_ok (f) && f->size != 0 && le64toh (f->size) <= FORMAT_MAX_VOLUME
    && f->cursor == 0 && (f->kind == FORMAT_SNAPSHOT) == (f->parent != 0);
}

static bool
levels_plausible (const struct pool *p, const struct format_record *f)
{
  const unsigned levels = f->root.levels;

  return levels >= 1 && levels <= FORMAT_MAX_LEVELS
    && levels * p->fan_shift < 64
    && (f->kind == FORMAT_ORPHAN
        || tree_span (p, levels - 1)
        >= base_div_up (le64toh (f->size), p->block_size));
}

static bool
record_plausible (struct repair *re, const struct format_record *f)
{
  const struct pool *p = re->p;
  const uint64_t id = le64toh (f->id);
  const struct format_entry *root = &f->root.entry;

  if (!kind_plausible (p, f) || !levels_plausible (p, f)
      || id == 0 || id >= le64toh (p->super.next_id)
      || (f->flags & ~(FORMAT_RECORD_READONLY | FORMAT_RECORD_OVERLAY
                       | FORMAT_RECORD_CLONED)) != 0
      || le32toh (f->epoch) > p->epoch
      || le32toh (f->share_floor) > p->epoch
      || (f->kind == FORMAT_VOLUME && le32toh (f->snap_epoch) > p->epoch)
      || !base_is_zero (f->reserved0, sizeof f->reserved0)
      || f->reserved1 != 0
      || !base_is_zero (f->reserved2, sizeof f->reserved2)
      || !base_is_zero (f->root.reserved, sizeof f->root.reserved))
    return false;
  if (base_is_zero (root, sizeof *root))
    return f->mapped == 0 && f->nodes == 0;
  return repair_entry_ok (re, root, 1 << FORMAT_NODE, p->epoch)
    && repair_read (re, root, re->buf[1]) == 0;
}

/* Neither kind nor id nor name: damage in a slot that was free. */
static bool
is_free (const struct format_record *f)
{
  return f->kind == FORMAT_FREE && f->id == 0 && f->name_length == 0;
}

static void
record_lost (struct repair *re, uint64_t slot, const struct format_record *f)
{
  struct pool_lost lost = { .whole = true };

  if (name_ok (f))
    snprintf (lost.name, sizeof lost.name, "%s%.*s",
              f->kind == FORMAT_SNAPSHOT ? "?@" : "", f->name_length, f->name);
  else
    snprintf (lost.name, sizeof lost.name, "record %" PRIu64 " of the table",
              slot);
  if (re->quiet)
    return;
  re->result->lost++;
  if (re->options->lost)
    re->options->lost (re->options->opaque, &lost);
}

/* The bytes at PLACE, which are not what they should be.  True: no record is
 * lost.
 */
static bool
salvage_records (struct repair *re, uint64_t leaf, uint64_t place)
{
  struct pool *p = re->p;
  const uint32_t n = p->block_size / FORMAT_RECORD_SIZE;
  struct format_record f;
  uint64_t lost = 0, slot;
  uint32_t i;

  if (place >= pool_blocks (p)
      || vdev_read (p->backing, re->buf[0], p->block_size,
                    place * p->block_size) < 0)
    return false;
  for (i = 0; i < n && re->stop == 0; ++i) {
    slot = leaf * n + i;
    memcpy (&f, re->buf[0] + i * sizeof f, sizeof f);
    if (slot >= p->slots || is_free (&f))
      continue;
    if (record_plausible (re, &f)) {
      if (!(f.flags & FORMAT_RECORD_OVERLAY)) {
        memset (f.base_uuid, 0, sizeof f.base_uuid);
        f.base_size = 0;
      }
      p->table[slot] = f;
      repair_say (re, "table: record of '%.*s' (id %" PRIu64 ", %" PRIu64
                  " bytes) taken from damaged block %" PRIu64 ": its map "
                  "verifies, look at name and size",
                  BASE_MIN (f.name_length, FORMAT_NAME_MAX), f.name,
                  le64toh (f.id), le64toh (f.size), place);
    }
    else {
      record_lost (re, slot, &f);
      lost++;
    }
  }
  return lost == 0;
}

/* ---- trees --------------------------------------------------------------- */

/* Leaves below node I of level K are not known. */
static void
forget (struct repair *re, struct load *l, unsigned k, uint64_t i)
{
  struct systree *t = l->t;
  const unsigned shift = k * re->p->fan_shift;
  const uint64_t first = i << shift;
  const uint64_t end = BASE_MIN ((i + 1) << shift, t->count[0]);
  const uint64_t place = format_place (&t->entry[k][i]);
  uint64_t leaf;

  memset (&t->entry[k][i], 0, sizeof t->entry[k][i]);
  for (leaf = first; l->unknown && leaf < end; ++leaf)
    bit_set (l->unknown, leaf);
  systree_mark (t, first);
  l->damaged++;
  re->changed = true;
  if (t != &re->p->table_tree)
    return;
  if (k == 0 && salvage_records (re, i, place))
    return;
  re->blind = re->records_lost = true;
}

/* Node I of level K goes into re->buf[0].  False: there is none. */
static bool
load_node (struct repair *re, struct load *l, unsigned k, uint64_t i)
{
  struct format_entry *e = &l->t->entry[k][i];
  const uint64_t place = format_place (e);

  if (base_is_zero (e, sizeof *e))
    return false;
  if (!repair_entry_ok (re, e, 1 << FORMAT_NODE, re->p->epoch)
      || bit_get (re->named, place)
      || repair_read (re, e, re->buf[0]) != 0) {
    if (re->stop == 0)
      forget (re, l, k, i);
    return false;
  }
  bit_set (re->named, place);
  l->t->existing++;
  return true;
}

static void
load_tree (struct repair *re, struct load *l)
{
  struct systree *t = l->t;
  const struct pool *p = re->p;
  unsigned k = t->levels - 1;
  uint64_t i, first;

  t->entry[k][0] = l->root->entry;
  if (l->root->levels != t->levels)
    forget (re, l, k, 0);
  for (; k > 0; --k)
    for (i = 0; i < t->count[k] && re->stop == 0; ++i)
      if (load_node (re, l, k, i)) {
        first = i << p->fan_shift;
        memcpy (&t->entry[k - 1][first], re->buf[0],
                BASE_MIN (p->fan, t->count[k - 1] - first)
                * sizeof t->entry[0][0]);
      }
  for (i = 0; i < t->count[0] && re->stop == 0; ++i)
    if (load_node (re, l, 0, i) && l->leaf)
      l->leaf (re, i, re->buf[0]);
}

static void
table_leaf_of (struct repair *re, uint64_t i, const char *buf)
{
  table_leaf (&re->p->table_tree, i, buf);
}

/* Leaf I of T, which has one bit for each of TOTAL things.  Bits beyond the
 * end are not taken, and the leaf is written without them.
 */
static void
load_bits (struct repair *re, struct systree *t, uint64_t i, const char *buf,
           uint64_t total, uint64_t *bits)
{
  const uint64_t n = BASE_MIN (t->items, total - i * t->items);
  const size_t bytes = base_div_up (n, 64) * 8;
  uint64_t *to = bits + i * t->items / 64;
  uint64_t last;

  memcpy (to, buf, bytes);
  last = n % 64 == 0 ? 0 : to[n / 64] >> n % 64;
  if (last != 0)
    to[n / 64] &= (UINT64_C (1) << n % 64) - 1;
  if (last == 0 && base_is_zero (buf + bytes, re->p->block_size - bytes))
    return;
  systree_mark (t, i);
  re->changed = true;
  repair_say (re, "%s tree: bits beyond the end cleared", t->name);
}

static void
space_leaf (struct repair *re, uint64_t i, const char *buf)
{
  load_bits (re, &re->p->space_tree, i, buf, pool_blocks (re->p), re->marked);
}

static void
backed_leaf (struct repair *re, uint64_t i, const char *buf)
{
  load_bits (re, &re->p->backed_tree, i, buf, pool_slabs (re->p),
             re->p->backed_bits);
}

/* A snapshot whose volume's record is lost becomes a volume. */
static void
adopt (struct repair *re, struct format_record *f)
{
  struct pool *p = re->p;
  char old[FORMAT_NAME_MAX + 1], name[2 * FORMAT_NAME_MAX];

  snprintf (old, sizeof old, "%.*s",
            BASE_MIN (f->name_length, FORMAT_NAME_MAX), f->name);
  snprintf (name, sizeof name, "recovered-%" PRIu64 "-%s", le64toh (f->id),
            old);
  name[FORMAT_NAME_MAX] = '\0';
  f->kind = FORMAT_VOLUME;
  f->flags &= ~FORMAT_RECORD_CLONED;
  f->parent = 0;
  f->snap_epoch = f->share_floor = htole32 (p->epoch);
  f->shared = f->nodes;
  memset (f->name, 0, sizeof f->name);
  f->name_length = (uint8_t) strlen (name);
  memcpy (f->name, name, f->name_length);
  systree_mark (&p->table_tree, (uint64_t) (f - p->table)
                / (p->block_size / FORMAT_RECORD_SIZE));
  re->changed = true;
  repair_say (re, "snapshot ?@%s: the record of its volume is lost; it is "
              "volume %s now", old, name);
}

static void
adopt_fatherless (struct repair *re)
{
  struct pool *p = re->p;
  bool any = false;
  uint32_t i, k;

  for (i = 0; i < p->slots; ++i) {
    if (p->table[i].kind != FORMAT_SNAPSHOT)
      continue;
    for (k = 0; k < p->slots; ++k)
      if (p->table[k].kind == FORMAT_VOLUME
          && p->table[k].id == p->table[i].parent)
        break;
    if (k < p->slots)
      continue;
    adopt (re, &p->table[i]);
    any = true;
  }
  p->epoch += any;              /* what is written from now on is younger */
}

void
repair_load (struct repair *re)
{
  struct pool *p = re->p;
  const struct format_super *s = &p->super;
  struct load all[] = {
    { .t = &p->table_tree, .name = "table", .root = &s->table,
      .leaf = table_leaf_of },
    { .t = &p->space_tree, .name = "space map", .root = &s->space,
      .leaf = space_leaf, .unknown = re->unknown_space },
    { .t = &p->refs_tree, .name = "reference counts", .root = &s->refs,
      .unknown = re->unknown_refs },
    { .t = &p->backed_tree, .name = "backed slabs", .root = &s->backed,
      .leaf = backed_leaf },
  };
  size_t i;

  for (i = 0; i < BASE_ARRAY_SIZE (all) && re->stop == 0; ++i) {
    load_tree (re, &all[i]);
    if (all[i].damaged > 0)
      repair_say (re, "%s: %" PRIu64 " damaged nodes %s", all[i].name,
                  all[i].damaged, i == 0 ? "taken out" : "made anew");
  }
  if (re->stop == 0)
    adopt_fatherless (re);
}
