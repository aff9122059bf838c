/* SPDX-License-Identifier: BSD-3-Clause
 *
 * pool-bend: see pool-bend.h.  The finders read the image, not the builder's
 * memory, so that what they return is what the check will see.
 */

#include <stdlib.h>

#include "pool-bend.h"
#include "test.h"

uint8_t *
bend_block (struct pi *p, uint64_t place)
{
  if (place >= p->o.blocks)
    abort ();
  return p->image + place * p->bs;
}

uint8_t *
bend_leaf (struct pi *p, const struct format_root *root, uint64_t n)
{
  const struct format_entry *e = &root->entry;
  const unsigned shift = p->o.block_shift - 4;
  unsigned level;

  for (level = root->levels - 1; level > 0; level--)
    e = (struct format_entry *) bend_block (p, format_place (e)) +
      (n >> (level - 1) * shift & (p->fan - 1));
  if (format_type (e) != FORMAT_NODE)
    abort ();
  return bend_block (p, format_place (e));
}

struct format_record *
bend_record (struct pi *p, unsigned i)
{
  const unsigned per_leaf = p->bs / FORMAT_RECORD_SIZE;

  return (struct format_record *) bend_leaf (p, &p->super.table, i / per_leaf)
    + i % per_leaf;
}

struct format_entry *
bend_entry (struct pi *p, unsigned record, uint64_t block, int level)
{
  struct format_root *root = &bend_record (p, record)->root;
  struct format_entry *e = &root->entry;
  const unsigned shift = p->o.block_shift - 4;
  int at;

  for (at = root->levels - 1; at > level; at--) {
    if (format_type (e) != FORMAT_NODE)
      abort ();
    e = (struct format_entry *) bend_block (p, format_place (e)) +
      (block >> at * shift & (p->fan - 1));
  }
  return e;
}

uint32_t *
bend_refs (struct pi *p, uint64_t place)
{
  const uint64_t per_leaf = p->bs / 4;

  return (uint32_t *) bend_leaf (p, &p->super.refs, place / per_leaf) +
    place % per_leaf;
}

void
bend_space (struct pi *p, uint64_t place, bool set)
{
  const uint64_t bits = (uint64_t) p->bs * 8;
  uint8_t *byte = bend_leaf (p, &p->super.space, place / bits) +
    place % bits / 8;

  if (set)
    *byte |= 1 << place % 8;
  else
    *byte &= ~(1 << place % 8);
}

uint64_t
bend_free (struct pi *p, unsigned n)
{
  const uint64_t bits = (uint64_t) p->bs * 8;
  uint64_t place, slab;

  for (place = 0; place < p->o.blocks; place++) {
    slab = place >> p->o.slab_shift;
    if (!p->used[place] && !format_is_fixed (&p->super, place) &&
        bend_leaf (p, &p->super.backed, slab / bits)[slab % bits / 8] >>
        slab % 8 & 1 && n-- == 0)
      return place;
  }
  abort ();
}

void
bend_all (const struct bend *b, size_t n)
{
  static struct verdict v;
  const char *name;
  struct pi *p;
  size_t i, silent = 0;

  for (i = 0; i < n; i++) {
    p = pool_sample (b[i].sample, &name);
    b[i].bend (p);
    pool_fix (p->image, p->o.blocks * p->bs, &p->super);
    verdict_of (&v, p->image, p->o.blocks * p->bs, &p->super, true);
    if (v.result == 0 && verdict_says (&v, b[i].a, b[i].b))
      test_passed ();
    else {
      silent++;
      printf ("%s: wanted \"%s\" and \"%s\", but:\n", b[i].name, b[i].a,
              b[i].b ? b[i].b : "");
      verdict_print (&v);
    }
    pi_free (p);
  }
  CHECK_EQ_INT (silent, 0);
}
