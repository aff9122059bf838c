/* SPDX-License-Identifier: BSD-3-Clause
 *
 * check-read: problems, blocks and entries.
 *
 * The lowest part of the check: how a problem is told, how a block is read
 * and proved against the entry that names it, what an entry may look like,
 * and single look-ups in the refs and backed trees.  Look-ups go through a
 * small direct-mapped cache of proven blocks, because the walk over the maps
 * asks for the references of every block it meets.  A look-up that meets
 * damage answers "unknown" and says nothing: the walk over that tree has
 * reported it.
 */

#include "check-internal.h"

static void
problem (struct check *c, bool leak, const char *fs, va_list args)
{
  struct pool_check_problem p = { .leak = leak };

  vsnprintf (p.text, sizeof p.text, fs, args);
  if (c->options->problem)
    c->options->problem (c->options->opaque, &p);
}

void
check_error (struct check *c, const char *fs, ...)
{
  va_list args;

  c->result->errors++;
  va_start (args, fs);
  problem (c, false, fs, args);
  va_end (args);
}

void
check_leak (struct check *c, uint64_t n, const char *fs, ...)
{
  va_list args;

  c->result->leaks += n;
  va_start (args, fs);
  problem (c, true, fs, args);
  va_end (args);
}

bool
check_progress (struct check *c)
{
  if (c->stop == 0 && c->options->progress &&
      c->options->progress (c->options->opaque, c->result->blocks,
                            le64toh (c->super->allocated)) != 0)
    c->stop = base_fail (ECANCELED, "check: stopped");
  return c->stop == 0;
}

const char *
check_block_name (const struct check_at *at)
{
  if (at->tree == CHECK_MAP)
    return at->level == CHECK_DATA_LEVEL ? "data" : "map node";
  return "node";
}

/* Errors that say something about the backing's content, not about this
 * attempt to read it.
 */
static bool
is_damage (int r)
{
  return r == -EIO || r == -EBADMSG || r == -ERANGE;
}

const char *
check_read (struct check *c, const struct format_entry *e, void *buf)
{
  uint64_t place = format_place (e);
  uint32_t sum;
  int r;

  r = vdev_read (c->backing, buf, c->bs, place << c->block_shift);
  if (r < 0) {
    if (!is_damage (r))
      c->stop = r;
    return "cannot be read";
  }
  sum = base_crc32c (buf, c->bs) ^
    format_mix (c->super->uuid, place, format_birth (e));
  return sum == le32toh (e->check) ? NULL : "checksum";
}

const uint8_t *
check_cached_block (struct check *c, const struct format_entry *e)
{
  uint64_t place = format_place (e);
  size_t slot = (place * UINT64_C (0x9e3779b97f4a7c15) >> 20) &
    (c->cache_slots - 1);
  struct check_cached *k = &c->cached[slot];
  uint8_t *buf = c->cache_blocks + slot * c->bs;

  if (!format_entry_same (&k->entry, e)) {
    k->entry = *e;
    k->good = place < c->blocks && check_read (c, e, buf) == NULL;
  }
  return k->good ? buf : NULL;
}

bool
check_entry (struct check *c, const struct check_at *at,
             const struct format_entry *e, unsigned types, uint32_t birth)
{
  unsigned type = format_type (e);
  uint64_t place = format_place (e);
  const char *why = NULL;

  if (!(types & 1U << type))
    why = "has a type that may not stand here";
  else if (le64toh (e->word) >> (FORMAT_TYPE_SHIFT + 4) != 0)
    why = "has reserved bits set";
  else if (type == FORMAT_HOLE || type == FORMAT_ZERO) {
    if (place != 0 || (type == FORMAT_HOLE && e->birth != 0) || e->check != 0)
      why = "names a block although it is a hole";
  }
  else if (place >= c->blocks)
    why = "is outside the pool";
  else if (format_is_fixed (c->super, place))
    why = "is a fixed block";
  if (why == NULL && format_birth (e) > birth)
    why = "is younger than its parent";
  if (why == NULL)
    return true;

  check_error (c, "%s: %s at block %" PRIu64 " (for %" PRIu64 "): entry %s",
               at->label, check_block_name (at), place, at->base, why);
  return false;
}

/* The proven leaf N of a tree, or NULL; *ABSENT if there is none.  LEAVES
 * is how many it can have.
 */
static const uint8_t *
find_leaf (struct check *c, const struct format_root *root, uint64_t n,
           bool *absent)
{
  struct format_entry e = root->entry;
  unsigned level = root->levels;
  const uint8_t *block;
  uint64_t index;

  *absent = false;
  if (level < 1 || level > FORMAT_MAX_LEVELS)
    return NULL;
  if (check_shr (n, (level - 1) * c->fan_shift) != 0)
    return NULL;
  for (;;) {
    if (format_type (&e) == FORMAT_HOLE) {
      *absent = true;
      return NULL;
    }
    if (format_type (&e) != FORMAT_NODE)
      return NULL;
    block = check_cached_block (c, &e);
    if (block == NULL || --level == 0)
      return block;
    index = check_shr (n, (level - 1) * c->fan_shift) & (c->fan - 1);
    memcpy (&e, block + index * sizeof e, sizeof e);
  }
}

int64_t
check_refs (struct check *c, uint64_t place)
{
  const unsigned shift = c->block_shift - 2;
  const uint8_t *leaf;
  uint32_t number;
  bool absent;

  leaf = find_leaf (c, &c->super->refs, place >> shift, &absent);
  if (leaf == NULL)
    return absent ? 0 : -1;
  memcpy (&number, leaf + (place & ((UINT64_C (1) << shift) - 1)) * 4, 4);
  return le32toh (number);
}

bool
check_backed (struct check *c, uint64_t slab)
{
  const unsigned shift = c->block_shift + 3;
  const uint8_t *leaf;
  uint64_t bit;
  bool absent;

  leaf = find_leaf (c, &c->super->backed, slab >> shift, &absent);
  if (leaf == NULL)
    return !absent;
  bit = slab & ((UINT64_C (1) << shift) - 1);
  return leaf[bit / 8] >> bit % 8 & 1;
}
