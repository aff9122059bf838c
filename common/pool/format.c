/* SPDX-License-Identifier: BSD-3-Clause
 *
 * format: the small arithmetic of the on-disk format.
 *
 * Checks, the superblock's seal, which places are fixed, how many levels a
 * tree needs, and the shapes that a new pool gets by default.  Pure
 * functions: no I/O, no state, nothing is validated here but the seal.
 * format.h is the C form of the format and docs/pool-format.md its text; the
 * engine, the check and the builder of test images all call these, so that
 * there is one place where an off-by-one could hide and one test that pins
 * the figures (tests/test-pool-format-figures.c).
 */

#include "format.h"

#define SLAB_BYTES_SHIFT 22             /* 4 MiB */
#define MIN_SLAB_SHIFT 3                /* 8 blocks */
#define MIN_SLABS 16
#define BIG_POOL_SHIFT 30               /* 1 GiB */
#define MIN_JOURNAL (UINT64_C (8) << 20)
#define MAX_JOURNAL (UINT64_C (1) << 30)

uint32_t
format_mix (const uint8_t uuid[16], uint64_t place, uint32_t birth)
{
  struct {
    uint8_t uuid[16];
    uint64_t place;
    uint32_t birth;
  } __attribute__ ((__packed__)) m;

  memcpy (m.uuid, uuid, 16);
  m.place = htole64 (place);
  m.birth = htole32 (birth);
  return base_crc32c (&m, sizeof m);
}

void
format_super_seal (struct format_super *s)
{
  memcpy (s->magic, FORMAT_MAGIC, sizeof s->magic);
  s->crc = htole32 (base_crc32c (s, offsetof (struct format_super, crc)));
}

bool
format_super_valid (const struct format_super *s)
{
  return memcmp (s->magic, FORMAT_MAGIC, sizeof s->magic) == 0 &&
    le32toh (s->crc) == base_crc32c (s, offsetof (struct format_super, crc));
}

/* The three places near the start are different blocks at every block size:
 * they are 64 KiB apart, and 64 KiB is the largest block.
 */
bool
format_is_fixed (const struct format_super *s, uint64_t place)
{
  return place == (uint64_t) FORMAT_SLOT_A >> s->block_shift ||
    place == (uint64_t) FORMAT_SLOT_B >> s->block_shift ||
    place == (uint64_t) FORMAT_OWNER >> s->block_shift ||
    place == le64toh (s->twin_a) || place == le64toh (s->twin_b) ||
    (place >= le64toh (s->journal_start) &&
     place - le64toh (s->journal_start) < le64toh (s->journal_length));
}

uint64_t
format_fixed_blocks (const struct format_super *s)
{
  return 3 + 2 + le64toh (s->journal_length);
}

unsigned
format_levels (uint64_t leaves, unsigned fan_shift)
{
  unsigned levels = 1;

  /* LEAVES - 1 is the highest number; each level takes FAN_SHIFT bits. */
  if (leaves > 0)
    for (leaves--; leaves > 0; leaves >>= fan_shift)
      levels++;
  return levels;
}

unsigned
format_default_slab_shift (uint64_t blocks, unsigned block_shift)
{
  unsigned shift = SLAB_BYTES_SHIFT - block_shift;

  while (shift > MIN_SLAB_SHIFT && blocks >> shift < MIN_SLABS)
    shift--;
  return shift;
}

uint64_t
format_default_journal (uint64_t blocks, unsigned block_shift)
{
  uint64_t length;

  /* capacity / 256 in blocks; no product, which might overflow */
  if (blocks >> (BIG_POOL_SHIFT - block_shift) > 0) {
    length = blocks / 256;
    length = BASE_MAX (length, MIN_JOURNAL >> block_shift);
    length = BASE_MIN (length, MAX_JOURNAL >> block_shift);
  }
  else
    length = blocks / 128;
  return BASE_MAX (length, FORMAT_MARKERS);
}
