/* SPDX-License-Identifier: BSD-3-Clause
 *
 * repair-map: blocks that are named twice; which bytes are lost.
 *
 * A check covers the place and the birth as well as the bytes, so of two
 * entries that name one block at most those are right that prove it.  One of
 * them keeps the block.  Each other entry gets a block of its own, with the
 * same bytes: right where its check was right too, else with a check that
 * stays wrong, so that reading it is an error until it is written to or
 * trimmed, and writing it cannot touch what belongs to somebody else.
 *
 * An entry stands in a node that may be shared and must not be changed in
 * place.  So every node on the way is written anew elsewhere, once, and all
 * that named it name the new one: sharing stays as it was.
 *
 * A damaged node stays where it is, and so does the entry that names it:
 * holes in its place would read as zeroes, which nobody would notice.
 */

#include <config.h>

#include <stdlib.h>

#include "repair.h"

/* ---- parting ------------------------------------------------------------- */

struct moved { uint64_t place; struct format_entry entry; };
BASE_VECTOR (moved_vector, struct moved);

struct part {
  struct repair *re;
  uint64_t *seen;               /* nodes that stay as they are */
  struct moved_vector moved;
  uint64_t start, end;          /* of the map */
};

/* A block that neither the state on disk nor this one uses. */
static bool
is_free (const struct repair *re, uint64_t place)
{
  return !bit_get (re->named, place) && !bit_get (re->held, place)
    && !bit_get (re->marked, place)
    && !format_is_fixed (&re->p->super, place);
}

/* Back a slab in which nothing is. */
static bool
back_slab (struct repair *re, uint64_t slab)
{
  struct pool *p = re->p;
  const uint64_t first = slab * p->slab_blocks;
  uint64_t i;

  for (i = first; i < first + p->slab_blocks; ++i)
    if (!is_free (re, i))
      return false;
  if (vdev_zero (p->backing, p->slab_blocks * p->block_size,
                 first * p->block_size, VDEV_ALLOCATE) < 0)
    return false;
  bit_set (p->backed_bits, slab);
  systree_mark (&p->backed_tree, slab / p->backed_tree.items);
  return true;
}

static uint64_t
free_place (struct repair *re)
{
  struct pool *p = re->p;
  uint64_t slab;

  for (; re->next < pool_blocks (p); ++re->next) {
    slab = re->next / p->slab_blocks;
    if (bit_get (p->backed_bits, slab)
        ? is_free (re, re->next)
        : re->next % p->slab_blocks == 0 && back_slab (re, slab))
      return re->next++;
  }
  re->stop = base_fail (ENOSPC, "no free block to part what is named twice");
  return 0;
}

/* BUF goes to a place of its own, and *E names it. */
static void
move_block (struct repair *re, struct format_entry *e, const char *buf,
            bool right)
{
  struct pool *p = re->p;
  const uint64_t place = free_place (re);
  uint32_t check;

  if (re->stop < 0)
    return;
  re->stop = vdev_write (p->backing, buf, p->block_size,
                         place * p->block_size, 0);
  check = base_crc32c (buf, p->block_size)
    ^ pool_mix (p, place, format_birth (e));
  format_entry_set (e, format_type (e), place, format_birth (e),
                    right ? check : ~check);
}

static bool
belongs_to_other (const struct repair *re, const struct format_entry *e,
                  unsigned level, uint64_t base)
{
  const struct repair_shared *s = repair_find (re, format_place (e));

  return s && !repair_is_owner (s, e, level, base);
}

static bool
part_loser (struct repair *re, struct format_entry *e, unsigned level)
{
  const int r = repair_read (re, e, re->spare);

  if (re->stop < 0)
    return false;
  move_block (re, e, re->spare, r == 0 && level == REPAIR_DATA);
  return true;
}

static bool part_entry (struct part *part, struct format_entry *e,
                        unsigned level, uint64_t base, uint32_t birth);

static bool
part_children (struct part *part, const struct format_entry *e,
               unsigned level, uint64_t base, char *buf)
{
  struct repair *re = part->re;
  const uint64_t span = level == 0 ? 1 : tree_span (re->p, level - 1);
  struct format_entry child;
  bool changed = false;
  uint64_t first;
  uint32_t i;

  for (i = 0; i < re->p->fan && re->stop == 0; ++i) {
    memcpy (&child, buf + i * sizeof child, sizeof child);
    first = base + i * span;
    if (base_is_zero (&child, sizeof child) || first >= part->end
        || (first < part->start && part->start - first >= span)
        || !part_entry (part, &child, level > 0 ? level - 1 : REPAIR_DATA,
                        first, format_birth (e)))
      continue;
    memcpy (buf + i * sizeof child, &child, sizeof child);
    changed = true;
  }
  return changed;
}

/* True if *E was changed. */
static bool
part_entry (struct part *part, struct format_entry *e, unsigned level,
            uint64_t base, uint32_t birth)
{
  struct repair *re = part->re;
  const uint64_t place = format_place (e);
  CLEANUP_FREE char *buf = NULL;
  size_t i;

  if (!repair_entry_ok (re, e, 1 << (level == REPAIR_DATA ? FORMAT_DATA
                                     : FORMAT_NODE), birth))
    return false;
  if (bit_get (re->twice, place) && belongs_to_other (re, e, level, base))
    return part_loser (re, e, level);
  if (level == REPAIR_DATA || !bit_get (re->entered, place)
      || bit_get (part->seen, place))
    return false;
  for (i = 0; i < part->moved.len; ++i)
    if (part->moved.ptr[i].place == place) {
      *e = part->moved.ptr[i].entry;
      return true;
    }
  buf = base_malloc (re->p->block_size);
  if (buf == NULL) {
    repair_no_memory (re);
    return false;
  }
  if (repair_read (re, e, buf) != 0
      || !part_children (part, e, level, base, buf)) {
    bit_set (part->seen, place);
    return false;
  }
  move_block (re, e, buf, true);
  if (re->stop == 0
      && moved_vector_append (&part->moved,
                              (struct moved) { place, *e }) < 0)
    repair_no_memory (re);
  return re->stop == 0;
}

void
repair_part (struct repair *re)
{
  struct pool *p = re->p;
  const size_t words = base_div_up (pool_blocks (p), 64);
  struct part part = { .re = re };
  size_t i;

  part.seen = base_calloc (words, 8);
  if (part.seen == NULL) {
    repair_no_memory (re);
    return;
  }
  for (i = 0; i < words; ++i)
    re->held[i] |= re->named[i];
  for (i = 0; i < re->records.len && re->stop == 0; ++i) {
    const uint32_t slot = re->records.ptr[i].slot;
    struct format_record *f = &p->table[slot];

    part.start = repair_map_start (f);
    part.end = repair_map_end (re, f);
    if (f->root.levels >= 1 && f->root.levels <= FORMAT_MAX_LEVELS
        && f->root.levels * p->fan_shift < 64
        && part_entry (&part, &f->root.entry, f->root.levels - 1U, 0,
                       p->epoch))
      systree_mark (&p->table_tree,
                    slot / (p->block_size / FORMAT_RECORD_SIZE));
  }
  free (part.seen);
  moved_vector_reset (&part.moved);
  re->changed = true;
}

/* ---- lost ranges --------------------------------------------------------- */

struct lost_map {
  struct repair *re;
  const struct repair_record *record;
  uint64_t size;                /* bytes */
  uint64_t end;                 /* logical blocks */
  uint64_t from, to;            /* not told yet: logical blocks */
};

static void
tell (struct lost_map *m)
{
  struct repair *re = m->re;
  const uint64_t bs = re->p->block_size;
  struct pool_lost lost = { .offset = m->from * bs };

  if (m->from == m->to)
    return;
  lost.length = BASE_MIN (m->to * bs, m->size) - lost.offset;
  snprintf (lost.name, sizeof lost.name, "%s", m->record->name);
  re->result->lost++;
  re->result->lost_bytes += lost.length;
  if (re->options->lost)
    re->options->lost (re->options->opaque, &lost);
}

static void
lose (struct lost_map *m, uint64_t base, uint64_t n)
{
  const uint64_t end = BASE_MIN (m->end, base + n);

  if (base >= end)
    return;
  if (m->to != base || m->from == m->to) {
    tell (m);
    m->from = base;
  }
  m->to = end;
}

static void
look_at_data (struct lost_map *m, const struct format_entry *e, uint64_t base,
              uint32_t birth)
{
  struct repair *re = m->re;

  if (format_type (e) == FORMAT_HOLE || format_type (e) == FORMAT_ZERO)
    return;
  if (!repair_entry_ok (re, e, 1 << FORMAT_DATA, birth)
      || (re->verify_data && repair_read (re, e, re->spare) != 0))
    lose (m, base, 1);
}

/* E's node is at LEVEL and covers logical blocks from BASE on. */
static void
look (struct lost_map *m, const struct format_entry *e, unsigned level,
      uint64_t base, uint32_t birth)
{
  struct repair *re = m->re;
  const uint64_t span = level == 0 ? 1 : tree_span (re->p, level - 1);
  struct format_entry child;
  uint64_t first;
  uint32_t i;

  if (base_is_zero (e, sizeof *e))
    return;
  if (repair_entry_ok (re, e, 1 << FORMAT_NODE, birth)
      && !bit_get (re->tainted, format_place (e)) && !re->verify_data)
    return;
  if (!repair_entry_ok (re, e, 1 << FORMAT_NODE, birth)
      || repair_read (re, e, re->buf[level]) != 0) {
    lose (m, base, tree_span (re->p, level));
    return;
  }
  for (i = 0; i < re->p->fan && re->stop == 0; ++i) {
    first = base + i * span;
    if (first >= m->end)
      return;
    memcpy (&child, re->buf[level] + i * sizeof child, sizeof child);
    if (level > 0)
      look (m, &child, level - 1, first, format_birth (e));
    else
      look_at_data (m, &child, first, format_birth (e));
  }
}

void
repair_list_lost (struct repair *re)
{
  struct pool *p = re->p;
  size_t i;

  for (i = 0; i < re->records.len && re->stop == 0; ++i) {
    const struct format_record *f = &p->table[re->records.ptr[i].slot];
    struct lost_map m = { .re = re, .record = &re->records.ptr[i],
      .size = le64toh (f->size), .end = repair_map_end (re, f) };

    if (f->kind == FORMAT_ORPHAN || f->kind == FORMAT_INCOMPLETE)
      continue;
    if (f->root.levels < 1 || f->root.levels > FORMAT_MAX_LEVELS
        || f->root.levels * p->fan_shift >= 64)
      lose (&m, 0, m.end);
    else
      look (&m, &f->root.entry, f->root.levels - 1U, 0, p->epoch);
    tell (&m);
  }
}
