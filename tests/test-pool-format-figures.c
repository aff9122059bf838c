/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The figures of docs/pool-format.md hold in format.h and format.c: offsets,
 * checksums, levels, fixed blocks, and the shapes of new pools.
 */

#include "format.h"
#include "test.h"

#define AT(type, field, offset) \
  CHECK_EQ_INT (offsetof (struct format_##type, field), offset)

static void
check_offsets (void)
{
  AT (super, version, 8);
  AT (super, block_shift, 12);
  AT (super, slab_shift, 13);
  AT (super, incompatible, 16);
  AT (super, uuid, 40);
  AT (super, blocks, 56);
  AT (super, twin_a, 64);
  AT (super, journal_start, 80);
  AT (super, generation, 112);
  AT (super, nonce, 120);
  AT (super, next_id, 128);
  AT (super, allocated, 136);
  AT (super, created, 144);
  AT (super, epoch, 160);
  AT (super, slots, 164);
  AT (super, table, 168);
  AT (super, space, 192);
  AT (super, refs, 216);
  AT (super, backed, 240);
  AT (super, clean, 504);
  AT (super, crc, 508);
  AT (record, id, 8);
  AT (record, size, 32);
  AT (record, root, 40);
  AT (record, mapped, 64);
  AT (record, cursor, 88);
  AT (record, created, 96);
  AT (record, epoch, 104);
  AT (record, share_floor, 112);
  AT (record, base_uuid, 120);
  AT (record, base_size, 136);
  AT (record, origin_name, 144);
  AT (record, name, 208);
  AT (record, reserved2, 408);
  AT (owner, host, 24);
  AT (owner, socket, 152);
  AT (owner, crc, 508);
  AT (marker, uuid, 8);
  AT (marker, generation, 24);
  AT (marker, crc, 508);
}

static void
check_checks (void)
{
  static const uint8_t zero[4096];
  uint8_t uuid[16];
  unsigned i;

  for (i = 0; i < 16; i++)
    uuid[i] = i;
  CHECK (base_crc32c ("123456789", 9) == 0xe3069283);
  CHECK (format_mix (uuid, 5, 7) == 0xacd29203);
  CHECK ((base_crc32c (zero, 4096) ^ format_mix (uuid, 5, 7)) == 0x342bd38a);
  CHECK (format_mix (uuid, 5, 7) != format_mix (uuid, 5, 8));
  CHECK (format_mix (uuid, 5, 7) != format_mix (uuid, 6, 7));
  CHECK (format_mix (uuid, 5, 7) !=
         format_mix (uuid, 5 + (UINT64_C (1) << 39), 7));
}

static void
check_entries (void)
{
  struct format_entry e;

  format_entry_set (&e, FORMAT_NODE, FORMAT_PLACE_MASK, 0x01020304,
                    0x05060708);
  CHECK_EQ_MEM (&e, "\xff\xff\xff\xff\xff\x03\x00\x00"
                "\x04\x03\x02\x01\x08\x07\x06\x05", 16);
  CHECK (format_place (&e) == FORMAT_PLACE_MASK);
  CHECK (format_type (&e) == FORMAT_NODE);
  CHECK (format_birth (&e) == 0x01020304);
}

static void
check_levels (void)
{
  CHECK_EQ_INT (format_levels (0, 8), 1);
  CHECK_EQ_INT (format_levels (1, 8), 1);
  CHECK_EQ_INT (format_levels (2, 8), 2);
  CHECK_EQ_INT (format_levels (256, 8), 2);
  CHECK_EQ_INT (format_levels (257, 8), 3);
  CHECK_EQ_INT (format_levels (65536, 8), 3);
  CHECK_EQ_INT (format_levels (65537, 8), 4);
  CHECK_EQ_INT (format_levels (UINT64_C (1) << 32, 8), 5);
  CHECK_EQ_INT (format_levels (4096, 12), 2);
  CHECK_EQ_INT (format_levels (4097, 12), 3);
  /* The largest volume fits in what a root may have. */
  CHECK (format_levels (FORMAT_MAX_VOLUME >> FORMAT_MIN_BLOCK_SHIFT >> 8, 8)
         <= FORMAT_MAX_LEVELS);
}

static void
check_fixed (void)
{
  struct format_super s = { .block_shift = 12 };
  uint64_t place, n = 0;

  s.twin_a = htole64 (98);
  s.twin_b = htole64 (99);
  s.journal_start = htole64 (33);
  s.journal_length = htole64 (10);
  for (place = 0; place < 100; place++)
    n += format_is_fixed (&s, place);
  CHECK_EQ_INT (n, format_fixed_blocks (&s));
  CHECK_EQ_INT (n, 15);
  CHECK (format_is_fixed (&s, 0) && format_is_fixed (&s, 16) &&
         format_is_fixed (&s, 32) && format_is_fixed (&s, 33) &&
         format_is_fixed (&s, 42) && format_is_fixed (&s, 98));
  CHECK (!format_is_fixed (&s, 1) && !format_is_fixed (&s, 43) &&
         !format_is_fixed (&s, UINT64_MAX));
  s.block_shift = 16;
  CHECK (format_is_fixed (&s, 1) && format_is_fixed (&s, 2) &&
         !format_is_fixed (&s, 3));
}

static void
check_seal (void)
{
  struct format_super s = { .version = htole32 (1) };

  CHECK (!format_super_valid (&s));
  format_super_seal (&s);
  CHECK (format_super_valid (&s));
  s.clean ^= 1;
  CHECK (!format_super_valid (&s));
  format_super_seal (&s);
  s.magic[7] ^= 1;
  CHECK (!format_super_valid (&s));
}

/* What every default must satisfy, and the figures themselves. */
static void
check_defaults (void)
{
  unsigned shift, slab;
  uint64_t blocks, journal;

  for (shift = FORMAT_MIN_BLOCK_SHIFT; shift <= FORMAT_MAX_BLOCK_SHIFT;
       shift++)
    for (blocks = FORMAT_MIN_BLOCKS; blocks <= FORMAT_MAX_BLOCKS;
         blocks += blocks / 3) {
      slab = format_default_slab_shift (blocks, shift);
      CHECK (slab >= 3 && slab + shift <= 22);
      CHECK (slab == 3 || blocks >> slab >= 16);
      journal = format_default_journal (blocks, shift);
      CHECK (journal >= FORMAT_MARKERS && journal <= blocks / 10);
      CHECK (journal << shift <= UINT64_C (1) << 30);
      CHECK (blocks << shift < UINT64_C (1) << 30 ||
             blocks >> (62 - shift) > 0 || journal << shift >= 8 << 20);
    }
  CHECK_EQ_INT (format_default_slab_shift (40, 12), 3);
  CHECK_EQ_INT (format_default_slab_shift (16384, 12), 10);
  CHECK_EQ_INT (format_default_slab_shift (1 << 18, 12), 10);
  CHECK_EQ_INT (format_default_slab_shift (1 << 20, 16), 6);
  CHECK_EQ_INT (format_default_journal (40, 12), 4);
  CHECK_EQ_INT (format_default_journal (1 << 14, 12), 128);
  CHECK_EQ_INT (format_default_journal (1 << 18, 12), 2048);
  CHECK_EQ_INT (format_default_journal (1 << 28, 12), 1 << 18);
  CHECK_EQ_INT (format_default_journal (1 << 30, 12), 1 << 18);
}

TEST_MAIN
{
  check_offsets ();
  check_checks ();
  check_entries ();
  check_levels ();
  check_fixed ();
  check_seal ();
  check_defaults ();
}
