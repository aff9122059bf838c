/* SPDX-License-Identifier: BSD-3-Clause
 *
 * repair-fix: space, counts, slabs and records as they were found.
 *
 * Sets what the commit will write, in the engine's own memory, and marks the
 * leaves that differ from those on disk: a repair of one counter writes a few
 * blocks, however large the pool.
 *
 * Where a part of a map or of the table is lost (`blind`), a block that is
 * allocated and not reached may belong to that part, and so may a reference
 * that was not met.  Both stay as they are: space that cannot be given back
 * is better than a block that is given away twice.  They come back with a
 * repair after the damaged volume is gone.
 */

#include <config.h>

#include <stdlib.h>

#include "repair.h"

/* ---- records ------------------------------------------------------------- */

static void
mark_record (struct repair *re, uint32_t slot)
{
  struct pool *p = re->p;

  systree_mark (&p->table_tree,
                slot / (p->block_size / FORMAT_RECORD_SIZE));
  re->changed = true;
}

static void
fix_counters (struct repair *re, const struct repair_record *r)
{
  struct format_record *f = &re->p->table[r->slot];
  uint64_t mapped = le64toh (f->mapped), nodes = le64toh (f->nodes);
  uint64_t shared = le64toh (f->shared);

  if (!r->bad) {
    mapped = r->data;
    nodes = r->nodes;
  }
  else {                        /* only so far that the engine takes it */
    mapped = BASE_MIN (mapped, pool_blocks (re->p));
    nodes = BASE_MIN (BASE_MAX (nodes, r->shared), pool_blocks (re->p));
  }
  if (shared < r->shared || shared > nodes)
    shared = r->bad || f->kind == FORMAT_SNAPSHOT ? nodes : r->shared;
  if (mapped == le64toh (f->mapped) && nodes == le64toh (f->nodes)
      && shared == le64toh (f->shared))
    return;
  f->mapped = htole64 (mapped);
  f->nodes = htole64 (nodes);
  f->shared = htole64 (shared);
  mark_record (re, r->slot);
  repair_say (re, "%s: its record counts blocks, nodes and shared nodes anew",
              r->name);
}

/* What is shared must not look exclusive. */
static void
fix_epochs (struct repair *re, const struct repair_record *r)
{
  struct format_record *f = &re->p->table[r->slot];

  if (f->kind == FORMAT_SNAPSHOT || r->youngest <= le32toh (f->snap_epoch))
    return;
  f->snap_epoch = htole32 (r->youngest);
  if (f->kind == FORMAT_ORPHAN) {       /* for whoever takes it apart */
    mark_record (re, r->slot);
    return;
  }
  f->share_floor = htole32 (BASE_MAX (le32toh (f->share_floor), r->youngest));
  re->p->epoch = BASE_MAX (re->p->epoch, r->youngest + 1);
  mark_record (re, r->slot);
  repair_say (re, "%s: its record says up to which epoch (%" PRIu32
              ") it may share", r->name, r->youngest);
}

static void
fix_records (struct repair *re)
{
  struct pool *p = re->p;
  uint64_t id;
  size_t i;

  for (i = 0; i < re->records.len; ++i) {
    const struct repair_record *r = &re->records.ptr[i];

    id = le64toh (p->table[r->slot].id);
    if (id >= p->next_id) {
      p->next_id = id + 1;
      re->changed = true;
      repair_say (re, "superblock: the next id is %" PRIu64, p->next_id);
    }
    if (p->table[r->slot].kind != FORMAT_ORPHAN)
      fix_counters (re, r);
    fix_epochs (re, r);
  }
}

/* ---- space --------------------------------------------------------------- */

static bool
is_known (const uint64_t *unknown, uint64_t leaf)
{
  return !bit_get (unknown, leaf);
}

/* Is one of the 64 places from FIRST on fixed? */
static bool
any_fixed (const struct format_super *s, uint64_t first)
{
  uint64_t i;

  if (first > (uint64_t) FORMAT_OWNER >> s->block_shift
      && first / 64 != le64toh (s->twin_a) / 64
      && first / 64 != le64toh (s->twin_b) / 64
      && (first + 64 <= le64toh (s->journal_start)
          || first >= le64toh (s->journal_start)
          + le64toh (s->journal_length)))
    return false;
  for (i = first; i < first + 64; ++i)
    if (format_is_fixed (s, i))
      return true;
  return false;
}

static void
fix_space (struct repair *re)
{
  struct pool *p = re->p;
  const uint64_t blocks = pool_blocks (p);
  uint64_t i, used = 0, leaked = 0, leaf;
  bool want, have;

  for (i = 0; i < blocks; ++i) {
    /* Words at a time where there is nothing to do. */
    if (i % 64 == 0 && (re->named[i / 64] | re->marked[i / 64]) == 0
        && !any_fixed (&p->super, i)) {
      i += 63;
      continue;
    }
    leaf = i / p->space_tree.items;
    have = bit_get (re->marked, i);
    want = bit_get (re->named, i) || format_is_fixed (&p->super, i)
      || (re->blind && have);
    if (want) {
      bit_set (p->durable_bits, i);
      p->allocated++;
    }
    if (want == have || !is_known (re->unknown_space, leaf))
      continue;
    used += want;
    leaked += have;
    systree_mark (&p->space_tree, leaf);
  }
  if (used > 0)
    repair_say (re, "space map: %" PRIu64 " blocks that are in use marked so",
                used);
  if (leaked > 0)
    repair_say (re, "space map: %" PRIu64 " leaked blocks are free again",
                leaked);
  if (used + leaked > 0)
    re->changed = true;
  else if (p->allocated != le64toh (p->super.allocated) && !re->changed) {
    re->changed = true;
    repair_say (re, "superblock: %" PRIu64 " blocks are allocated",
                p->allocated);
  }
}

/* ---- reference counts ---------------------------------------------------- */

static int
by_place (const void *a, const void *b)
{
  const struct repair_shared *x = a, *y = b;

  return x->place < y->place ? -1 : x->place > y->place;
}

/* Counts of leaf PAGE as they should be go into NEW; OLD is what there is.
 * Returns how many differ.
 */
static uint64_t
correct_page (struct repair *re, uint64_t page, const uint32_t *old,
              uint32_t *new)
{
  const uint64_t items = re->p->refs_tree.items;
  uint64_t differ = 0, place;
  uint64_t i;

  for (i = 0; i < items; ++i) {
    place = page * items + i;
    /* A reference may be in a part that is lost. */
    if (re->blind && place < pool_blocks (re->p)
        && !format_is_fixed (&re->p->super, place)
        && bit_get (re->p->durable_bits, place)
        && le32toh (old[i]) > le32toh (new[i]))
      new[i] = old[i];
    differ += new[i] != old[i];
  }
  return differ;
}

/* Shared blocks of leaf PAGE begin at *S; returns how many counts differ. */
static uint64_t
fix_refs_page (struct repair *re, uint64_t page,
               const struct repair_shared **s,
               const struct repair_shared *end)
{
  struct pool *p = re->p;
  const uint64_t items = p->refs_tree.items;
  uint32_t *new = base_calloc (1, p->block_size);
  uint32_t *old = (uint32_t *) (void *) re->buf[0];
  uint64_t differ = 0;

  if (new == NULL) {
    repair_no_memory (re);
    return 0;
  }
  for (; *s < end && (*s)->place < (page + 1) * items; ++*s)
    new[(*s)->place % items] = htole32 ((*s)->named - 1);
  re->stop = systree_read_leaf (&p->refs_tree, page, old);
  if (re->stop == 0)
    differ = correct_page (re, page, old, new);
  /* A damaged leaf is written anew also if it counts nothing. */
  if (differ == 0 && !bit_get (p->refs_tree.dirty[0], page)) {
    free (new);
    return 0;
  }
  p->refs[page].count = new;
  p->refs[page].dirty = true;
  p->refs_loaded++;
  systree_mark (&p->refs_tree, page);
  re->changed = true;
  return is_known (re->unknown_refs, page) ? differ : 0;
}

static void
fix_refs (struct repair *re)
{
  struct pool *p = re->p;
  CLEANUP_FREE struct repair_shared *all = NULL;
  const struct repair_shared *s, *end;
  uint64_t page, differ = 0;
  size_t i, n = 0;

  all = base_calloc (re->table_used + 1, sizeof *all);
  if (all == NULL) {
    repair_no_memory (re);
    return;
  }
  for (i = 0; i < re->table_size; ++i)
    if (re->table[i].place != 0)
      all[n++] = re->table[i];
  qsort (all, n, sizeof *all, by_place);
  s = all;
  end = all + n;
  for (page = 0; page < p->nrefs && re->stop == 0; ++page)
    if (format_type (&p->refs_tree.entry[0][page]) != FORMAT_HOLE
        || bit_get (p->refs_tree.dirty[0], page)
        || (s < end && s->place / p->refs_tree.items == page))
      differ += fix_refs_page (re, page, &s, end);
  if (differ > 0)
    repair_say (re, "reference counts: %" PRIu64 " corrected", differ);
}

/* ---- slabs --------------------------------------------------------------- */

static void
fix_backed (struct repair *re)
{
  struct pool *p = re->p;
  const uint64_t blocks = pool_blocks (p);
  uint64_t i, slab, n = 0;

  for (i = 0; i < blocks; ++i) {
    if (i % 64 == 0 && p->durable_bits[i / 64] == 0) {
      i += 63;
      continue;
    }
    slab = i / p->slab_blocks;
    if (!bit_get (p->durable_bits, i) || format_is_fixed (&p->super, i)
        || bit_get (p->backed_bits, slab))
      continue;
    bit_set (p->backed_bits, slab);
    systree_mark (&p->backed_tree, slab / p->backed_tree.items);
    n++;
  }
  if (n == 0)
    return;
  re->changed = true;
  repair_say (re, "backed slabs: %" PRIu64 " slabs in use marked so", n);
}

void
repair_fix (struct repair *re)
{
  fix_records (re);
  fix_space (re);
  fix_refs (re);
  fix_backed (re);
}
