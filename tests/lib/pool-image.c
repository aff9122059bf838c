/* SPDX-License-Identifier: BSD-3-Clause
 *
 * pool-image: volumes and their maps in memory (pool-layout.c writes them).
 *
 * A node counts its parents.  Changing a block walks down from the root and
 * copies every node with more than one parent; the children of a copy have
 * one parent more.  Data blocks are written to the image at once; nodes get
 * places at the end.
 */

#include <stdlib.h>

#include "pool-image.h"
#include "pool-image-internal.h"

static void
fatal (const char *what)
{
  fprintf (stderr, "pool-image: %s\n", what);
  exit (1);
}

void *
pi_alloc (size_t n, size_t size)
{
  void *p = calloc (n ? n : 1, size ? size : 1);

  if (p == NULL)
    fatal ("out of memory");
  return p;
}

/* ---- places -------------------------------------------------------------- */

uint64_t
pi_place (struct pi *p)
{
  uint64_t skip;

  for (skip = p->o.spread; p->next < p->o.blocks; p->next++) {
    if (p->used[p->next] || format_is_fixed (&p->super, p->next))
      continue;
    if (skip-- == 0) {
      p->used[p->next] = true;
      return p->next++;
    }
  }
  fatal ("image too small");
  return 0;
}

static void
start_super (struct pi *p)
{
  struct format_super *s = &p->super;
  const uint64_t owner = FORMAT_OWNER >> p->o.block_shift;
  unsigned i;

  s->version = htole32 (FORMAT_VERSION);
  s->block_shift = p->o.block_shift;
  s->slab_shift = p->o.slab_shift;
  for (i = 0; i < sizeof s->uuid; i++)
    s->uuid[i] = 0xa0 + i;
  s->blocks = htole64 (p->o.blocks);
  s->twin_a = htole64 (p->o.blocks - 2);
  s->twin_b = htole64 (p->o.blocks - 1);
  s->journal_start = htole64 (owner + 1);
  s->journal_length = htole64 (p->o.journal);
  s->generation = htole64 (p->o.generation);
  s->nonce = htole64 (UINT64_C (0x1122334455667788));
  s->created = s->written = htole64 (1700000000);
  s->clean = htole32 (1);
}

struct pi *
pi_new (const struct pi_options *options)
{
  struct pi *p = pi_alloc (1, sizeof *p);

  if (options)
    p->o = *options;
  if (p->o.block_shift == 0)
    p->o.block_shift = 12;
  if (p->o.blocks == 0)
    p->o.blocks = 128;
  if (p->o.slab_shift == 0)
    p->o.slab_shift = format_default_slab_shift (p->o.blocks,
                                                 p->o.block_shift);
  if (p->o.journal == 0)
    p->o.journal = format_default_journal (p->o.blocks, p->o.block_shift);
  if (p->o.generation == 0)
    p->o.generation = 7;
  p->bs = (size_t) 1 << p->o.block_shift;
  p->fan = p->bs / 16;
  p->epoch = 1;
  p->image = pi_alloc (p->o.blocks, p->bs);
  p->refs = pi_alloc (p->o.blocks, sizeof *p->refs);
  p->used = pi_alloc (p->o.blocks, sizeof *p->used);
  start_super (p);
  return p;
}

/* ---- nodes --------------------------------------------------------------- */

static struct pi_node *
new_node (struct pi *p, unsigned level)
{
  struct pi_node *n = pi_alloc (1, sizeof *n + p->fan * sizeof n->e[0]);

  n->level = level;
  n->refs = 1;
  return n;
}

static void
drop_data (struct pi *p, const struct pi_entry *e)
{
  if (e->type == FORMAT_DATA && --p->refs[e->place] == 0)
    p->used[e->place] = false;
}

static void
drop_node (struct pi *p, struct pi_node *n)
{
  size_t i;

  if (n == NULL || --n->refs > 0)
    return;
  for (i = 0; i < p->fan; i++)
    if (n->level > 0)
      drop_node (p, n->e[i].child);
    else
      drop_data (p, &n->e[i]);
  free (n);
}

/* The node at *NP, with this parent alone and not yet in any snapshot. */
static struct pi_node *
own (struct pi *p, struct pi_node **np, unsigned level)
{
  struct pi_node *n = *np, *copy;
  size_t i;

  if (n == NULL)
    return *np = new_node (p, level);
  if (n->refs > 1) {
    copy = new_node (p, level);
    for (i = 0; i < p->fan; i++) {
      copy->e[i] = n->e[i];
      if (n->e[i].child)
        n->e[i].child->refs++;
      if (n->e[i].type == FORMAT_DATA)
        p->refs[n->e[i].place]++;
    }
    n->refs--;
    n = *np = copy;
  }
  n->birth = 0;
  return n;
}

static struct pi_entry *
leaf_entry (struct pi *p, unsigned record, uint64_t block)
{
  struct pi_record *r = &p->record[record];
  struct pi_node *n = own (p, &r->root, r->f.root.levels - 1);
  uint64_t index;

  while (n->level > 0) {
    index = block >> n->level * (p->o.block_shift - 4) & (p->fan - 1);
    n = own (p, &n->e[index].child, n->level - 1);
  }
  return &n->e[block & (p->fan - 1)];
}

/* Removes nodes without entries; true if *NP is gone. */
static bool
prune (struct pi *p, struct pi_node **np)
{
  struct pi_node *n = *np;
  bool empty = true;
  size_t i;

  if (n == NULL)
    return true;
  if (n->refs > 1)
    return false;
  for (i = 0; i < p->fan; i++)
    if (n->level > 0 ? !prune (p, &n->e[i].child)
        : n->e[i].type != FORMAT_HOLE)
      empty = false;
  if (empty) {
    free (n);
    *np = NULL;
  }
  return empty;
}

/* Nodes of this map that have no birth yet get one. */
static void
stamp_births (struct pi *p, struct pi_node *n)
{
  size_t i;

  if (n == NULL || n->birth != 0)
    return;
  n->birth = p->epoch;
  for (i = 0; n->level > 0 && i < p->fan; i++)
    stamp_births (p, n->e[i].child);
}

void
pi_stamp_births (struct pi *p)
{
  unsigned i;

  for (i = 0; i < p->records; i++)
    stamp_births (p, p->record[i].root);
}

/* ---- blocks -------------------------------------------------------------- */

static void
fill (struct pi *p, uint8_t *buf, uint64_t block, uint64_t stamp,
      uint64_t size)
{
  const uint64_t start = block * p->bs;
  size_t i;

  memset (buf, 0, p->bs);
  for (i = 0; i < p->bs && start + i < size; i++)
    buf[i] = (stamp * 31 + block * 7 + i / 8) >> i % 8 * 8;
}

void
pi_put (struct pi *p, unsigned record, uint64_t block, uint64_t stamp)
{
  struct pi_entry *e = leaf_entry (p, record, block);

  drop_data (p, e);
  e->type = FORMAT_DATA;
  e->place = pi_place (p);
  e->birth = p->epoch;
  e->stamp = stamp;
  p->refs[e->place] = 1;
  fill (p, p->image + e->place * p->bs, block, stamp,
        le64toh (p->record[record].f.size));
}

void
pi_zero (struct pi *p, unsigned record, uint64_t block)
{
  struct pi_entry *e = leaf_entry (p, record, block);

  drop_data (p, e);
  memset (e, 0, sizeof *e);
  e->type = FORMAT_ZERO;
  e->birth = p->epoch;
}

void
pi_unmap (struct pi *p, unsigned record, uint64_t block)
{
  struct pi_entry *e = leaf_entry (p, record, block);

  drop_data (p, e);
  memset (e, 0, sizeof *e);
  prune (p, &p->record[record].root);
}

/* ---- records ------------------------------------------------------------- */

static unsigned
new_record (struct pi *p, enum format_kind kind, const char *name,
            uint64_t size)
{
  struct pi_record *r = &p->record[p->records];
  const uint64_t blocks = base_div_up (size, p->bs);

  if (p->records == PI_MAX_RECORDS)
    fatal ("too many records");
  r->f.kind = kind;
  r->f.name_length = strlen (name);
  memcpy (r->f.name, name, r->f.name_length);
  r->f.id = htole64 (p->records + 1);
  r->f.size = htole64 (size);
  r->f.root.levels = format_levels (base_div_up (blocks, p->fan),
                                    p->o.block_shift - 4) +
    p->o.extra_levels;
  r->f.created = htole64 (1700000000 + p->records);
  r->f.epoch = htole32 (p->epoch);
  return p->records++;
}

unsigned
pi_volume (struct pi *p, const char *name, uint64_t size)
{
  return new_record (p, FORMAT_VOLUME, name, size);
}

void
pi_skip_slot (struct pi *p)
{
  p->records++;
}

static unsigned
share (struct pi *p, enum format_kind kind, unsigned from, const char *name)
{
  const struct pi_record *f = &p->record[from];
  const unsigned i = new_record (p, kind, name, le64toh (f->f.size));
  struct pi_record *r = &p->record[i];

  pi_stamp_births (p);
  r->f.root.levels = f->f.root.levels;
  r->f.flags = f->f.flags & FORMAT_RECORD_OVERLAY;
  r->root = f->root;
  if (r->root)
    r->root->refs++;
  p->epoch++;
  return i;
}

unsigned
pi_snapshot (struct pi *p, unsigned volume, const char *name)
{
  const unsigned i = share (p, FORMAT_SNAPSHOT, volume, name);

  p->record[i].f.parent = p->record[volume].f.id;
  p->record[volume].f.snap_epoch = htole32 (p->epoch - 1);
  return i;
}

unsigned
pi_clone (struct pi *p, unsigned from, const char *name)
{
  const unsigned i = share (p, FORMAT_VOLUME, from, name);
  struct pi_record *f = &p->record[from], *r = &p->record[i];

  r->f.origin = f->f.id;
  memcpy (r->f.origin_name, f->f.name, sizeof r->f.origin_name - 1);
  r->f.snap_epoch = r->f.share_floor = htole32 (p->epoch - 1);
  r->f.epoch = htole32 (p->epoch);
  if (f->f.kind == FORMAT_VOLUME)
    f->f.snap_epoch = f->f.share_floor = htole32 (p->epoch - 1);
  else
    f->f.flags |= FORMAT_RECORD_CLONED;
  return i;
}

/* Release what lies below CURSOR of an unshared node; the entries stay as
 * they are, and mean nothing any more.
 */
static void
release (struct pi *p, struct pi_node *n, uint64_t base, uint64_t cursor)
{
  const uint64_t span = UINT64_C (1) << n->level * (p->o.block_shift - 4);
  size_t i;

  for (i = 0; i < p->fan && base + i * span < cursor; i++) {
    struct pi_entry *e = &n->e[i];

    if (n->level == 0) {
      drop_data (p, e);
      e->stale = e->type != FORMAT_HOLE;
      e->type = FORMAT_HOLE;
    }
    else if (e->child == NULL)
      continue;
    else if (base + (i + 1) * span <= cursor || e->child->refs > 1) {
      drop_node (p, e->child);
      e->child = NULL;
      e->stale = true;
    }
    else
      release (p, e->child, base + i * span, cursor);
  }
}

void
pi_remove (struct pi *p, unsigned record, uint64_t cursor)
{
  struct pi_record *r = &p->record[record];

  pi_stamp_births (p);
  r->f.kind = FORMAT_ORPHAN;
  r->f.parent = 0;
  r->f.name_length = 0;
  memset (r->f.name, 0, sizeof r->f.name);
  r->f.cursor = htole64 (cursor);
  if (cursor == 0 || r->root == NULL)
    return;
  if (r->root->refs > 1)
    fatal ("an orphan cannot be half through a shared map");
  release (p, r->root, 0, cursor);
}

/* ---- what a reader must see ---------------------------------------------- */

uint8_t *
pi_contents (struct pi *p, unsigned record)
{
  const struct pi_record *r = &p->record[record];
  const uint64_t size = le64toh (r->f.size);
  const uint64_t blocks = base_div_up (size, p->bs);
  uint8_t *all = pi_alloc (blocks, p->bs);
  const struct pi_node *n;
  uint64_t b, index;

  for (b = 0; b < blocks; b++) {
    for (n = r->root; n && n->level > 0; n = n->e[index].child)
      index = b >> n->level * (p->o.block_shift - 4) & (p->fan - 1);
    if (n && n->e[b & (p->fan - 1)].type == FORMAT_DATA)
      fill (p, all + b * p->bs, b, n->e[b & (p->fan - 1)].stamp, size);
  }
  return all;
}

char *
pi_name (struct pi *p, unsigned record)
{
  const struct format_record *f = &p->record[record].f;
  char *name = pi_alloc (1, 2 * FORMAT_NAME_MAX + 2);
  unsigned i;

  for (i = 0; f->kind == FORMAT_SNAPSHOT && i < p->records; i++)
    if (p->record[i].f.id == f->parent)
      sprintf (name, "%.*s@", FORMAT_NAME_MAX, p->record[i].f.name);
  strncat (name, f->name, f->name_length);
  return name;
}

void
pi_free (struct pi *p)
{
  unsigned i;

  for (i = 0; i < p->records; i++)
    drop_node (p, p->record[i].root);
  free (p->image);
  free (p->refs);
  free (p->used);
  free (p);
}
