/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fuzz-image: see fuzz-image.h.
 *
 * Each sample is built once and kept twice, as it was and as it is bent; only
 * blocks that are in use or were edited are copied back, so that an input
 * costs microseconds.
 */

#include <stdlib.h>

#include "fuzz-image.h"
#include "pool-samples.h"

static const unsigned samples[] = { 0, 1, 2, 4, 5, 6, 3 };
#define SAMPLES (sizeof samples / sizeof samples[0])

struct base {
  struct pi *p;
  uint8_t *bent;
  uint64_t *used;
  size_t nused;
};

static struct base *
base_of (unsigned i)
{
  static struct base bases[SAMPLES];
  struct base *b = &bases[i];
  const char *name;
  uint64_t place;

  if (b->p)
    return b;
  b->p = pool_sample (samples[i], &name);
  b->bent = calloc (b->p->o.blocks, b->p->bs);
  b->used = calloc (b->p->o.blocks, sizeof b->used[0]);
  if (b->bent == NULL || b->used == NULL)
    abort ();
  for (place = 0; place < b->p->o.blocks; place++)
    if (!base_is_zero (b->p->image + place * b->p->bs, b->p->bs) ||
        b->p->used[place] || format_is_fixed (&b->p->super, place))
      b->used[b->nused++] = place;
  return b;
}

static void
restore (struct base *b)
{
  const size_t bs = b->p->bs;
  size_t i;

  for (i = 0; i < b->nused; i++)
    memcpy (b->bent + b->used[i] * bs, b->p->image + b->used[i] * bs, bs);
}

/* ---- edits --------------------------------------------------------------- */

struct edit {
  unsigned op, a, offset;
  uint32_t value;
};

/* Edits prefer blocks above the fixed ones at the start: trees and data. */
static uint8_t *
block (struct base *b, unsigned a)
{
  return b->bent + b->used[a % b->nused] * b->p->bs;
}

static struct format_entry *
entry (struct base *b, const struct edit *e)
{
  return (struct format_entry *) block (b, e->a) + e->offset % b->p->fan;
}

/* The table is one leaf in all samples. */
static uint8_t *
record (struct base *b, unsigned a)
{
  const uint64_t place = format_place (&b->p->super.table.entry);

  return b->bent + place * b->p->bs +
    a % (b->p->bs / FORMAT_RECORD_SIZE) * FORMAT_RECORD_SIZE;
}

static void
edit (struct base *b, struct format_super *s, const struct edit *e)
{
  struct format_entry *x = entry (b, e);
  const uint32_t value = htole32 (e->value);
  const uint64_t word = le64toh (x->word);

  switch (e->op % 8) {
  case 0:
    memcpy ((uint8_t *) s + e->offset % 508, &value, e->a % 4 + 1);
    break;
  case 1:
    memcpy (record (b, e->a) + e->offset % 509, &value, e->a / 8 % 4 + 1);
    break;
  case 2:                       /* another place */
    x->word = htole64 ((word & ~FORMAT_PLACE_MASK) |
                       b->used[e->value % b->nused]);
    break;
  case 3:                       /* another type */
    x->word = htole64 ((word & ~(UINT64_C (0xffffff) << FORMAT_TYPE_SHIFT)) |
                       (uint64_t) (e->value & 0xffffff) << FORMAT_TYPE_SHIFT);
    break;
  case 4:
    x->birth = value;
    break;
  case 5:
    memcpy (block (b, e->a) + e->offset % (b->p->bs - 3), &value, 4);
    break;
  case 6:                       /* one block looks like another */
    memcpy (block (b, e->a), block (b, e->value), b->p->bs);
    break;
  case 7:                       /* an entry in two places */
    *x = ((struct format_entry *) block (b, e->value))
      [e->value / 256 % b->p->fan];
    break;
  }
}

bool
fuzz_image_make (struct fuzz_image *f, const uint8_t *data, size_t size)
{
  static struct format_super super;
  struct base *b;
  size_t i;

  if (size < 2)
    return false;
  b = base_of (data[0] % SAMPLES);
  restore (b);
  super = b->p->super;
  for (i = 2; i + 8 <= size; i += 8) {
    const struct edit e = {
      .op = data[i], .a = data[i + 1],
      .offset = data[i + 2] | data[i + 3] << 8,
      .value = data[i + 4] | data[i + 5] << 8 | data[i + 6] << 16 |
      (uint32_t) data[i + 7] << 24,
    };

    edit (b, &super, &e);
  }
  f->bs = b->p->bs;
  f->image = b->bent;
  f->size = b->p->o.blocks * b->p->bs;
  f->used = b->used;
  f->nused = b->nused;
  f->flags = data[1];
  f->super = &super;
  f->newest = le64toh (super.generation)
    >= le64toh (b->p->super.generation);
  if (f->flags & 2)
    f->size -= f->size / 4 + 77;
  if (!(f->flags & 1))
    pool_fix (f->image, f->size, &super);
  else
    format_super_seal (&super);
  return true;
}
