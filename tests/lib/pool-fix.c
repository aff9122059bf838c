/* SPDX-License-Identifier: BSD-3-Clause
 *
 * pool-fix: makes the checks of a damaged image right again.
 *
 * Walks everything that hangs on a superblock, children before parents, and
 * sets every check to what the child's block says.  The image may be
 * anything: entries that lead outside are left alone, a block is entered
 * once, and levels are cut at the format's highest.  Where a damaged image
 * runs in a circle no check can be right, and some stay wrong.
 *
 * Used by directed tests (bend something, fix, look what the check says) and
 * by the fuzzer, which would otherwise never get past the first checksum.
 */

#include <stdlib.h>

#include "pool-image.h"

struct fix {
  uint8_t *image;
  const struct format_super *super;
  unsigned shift;
  size_t bs, fan;
  uint64_t blocks;              /* that the image really has */
  uint8_t *entered;             /* by place */
};

static uint8_t *
block (struct fix *f, uint64_t place)
{
  return f->image + (place << f->shift);
}

/* Nodes of the table hold roots in their leaves, those of maps entries. */
enum kind { MAP, TABLE, OTHER };

static void fix_root (struct fix *f, struct format_root *root,
                      enum kind kind);

static void
fix_entry (struct fix *f, struct format_entry *e, unsigned level,
           enum kind kind)
{
  const uint64_t place = format_place (e);
  struct format_entry *child;
  struct format_record *r;
  size_t i;

  if (place == 0 || place >= f->blocks ||
      (format_type (e) != FORMAT_NODE && format_type (e) != FORMAT_DATA))
    return;
  if (format_type (e) == FORMAT_NODE && !f->entered[place]) {
    f->entered[place] = 1;
    child = (void *) block (f, place);
    r = (void *) block (f, place);
    if (level > 0)
      for (i = 0; i < f->fan; i++)
        fix_entry (f, &child[i], level - 1, kind);
    else if (kind == MAP)
      for (i = 0; i < f->fan; i++) {
        if (format_type (&child[i]) == FORMAT_DATA)
          fix_entry (f, &child[i], 0, OTHER);
      }
    else if (kind == TABLE)
      for (i = 0; i < f->bs / sizeof *r; i++)
        if (r[i].kind != FORMAT_FREE)
          fix_root (f, &r[i].root, MAP);
  }
  if (le32toh (e->check) == POOL_FIX_WRONG)
    return;
  e->check = htole32 (base_crc32c (block (f, place), f->bs) ^
                      format_mix (f->super->uuid, place, format_birth (e)));
}

static void
fix_root (struct fix *f, struct format_root *root, enum kind kind)
{
  const unsigned levels = root->levels;

  if (levels >= 1 && levels <= FORMAT_MAX_LEVELS)
    fix_entry (f, &root->entry, levels - 1, kind);
}

void
pool_fix (uint8_t *image, size_t size, struct format_super *super)
{
  struct fix f = { .image = image, .super = super };
  const bool odd = le64toh (super->generation) % 2;
  const uint64_t twin = le64toh (odd ? super->twin_a : super->twin_b);
  const size_t slot = odd ? FORMAT_SLOT_A : FORMAT_SLOT_B;

  f.shift = super->block_shift;
  if (f.shift < FORMAT_MIN_BLOCK_SHIFT || f.shift > FORMAT_MAX_BLOCK_SHIFT)
    f.shift = FORMAT_MIN_BLOCK_SHIFT;
  f.bs = (size_t) 1 << f.shift;
  f.fan = f.bs / sizeof (struct format_entry);
  f.blocks = size >> f.shift;
  f.entered = calloc (f.blocks + 1, 1);
  if (f.entered == NULL)
    abort ();

  fix_root (&f, &super->table, TABLE);
  fix_root (&f, &super->space, OTHER);
  fix_root (&f, &super->refs, OTHER);
  fix_root (&f, &super->backed, OTHER);
  free (f.entered);

  format_super_seal (super);
  if (slot + sizeof *super <= size)
    memcpy (image + slot, super, sizeof *super);
  if (twin > 0 && twin < f.blocks)
    memcpy (block (&f, twin), super, sizeof *super);
}
