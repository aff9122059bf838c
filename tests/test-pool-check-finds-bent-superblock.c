/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The check finds superblocks that cannot be true, copies that contradict
 * each other, markers ahead of every copy, and a backing that is too short;
 * an impossible superblock is refused at once, whatever sizes it claims.
 */

#include "pool-bend.h"
#include "test.h"

#define S(field, bits, value) p->super.field = htole##bits (value)

static void version (struct pi *p) { S (version, 32, 2); }
static void features (struct pi *p) { S (incompatible, 64, 4); }
static void small_blocks (struct pi *p) { p->super.block_shift = 11; }
static void large_blocks (struct pi *p) { p->super.block_shift = 17; }
static void slab (struct pi *p) { p->super.slab_shift = 33; }
static void small_slab (struct pi *p) { p->super.slab_shift = 2; }
static void slots_0 (struct pi *p) { S (slots, 32, 0); }
static void slots_part (struct pi *p) { S (slots, 32, 7); }
static void slots_more (struct pi *p) { S (slots, 32, 8 * 129); }
static void slots_many (struct pi *p) { S (slots, 32, 1 << 25); }
static void slab_part (struct pi *p) { p->super.slab_shift = 8; }
static void few (struct pi *p) { S (blocks, 64, 32); }
static void many (struct pi *p) { S (blocks, 64, UINT64_C (2) << 40); }
static void huge (struct pi *p) { S (blocks, 64, UINT64_C (1) << 40); }
static void longer (struct pi *p) { S (blocks, 64, p->o.blocks + 8); }
static void journal_0 (struct pi *p) { S (journal_start, 64, 0); }
static void journal_short (struct pi *p) { S (journal_length, 64, 3); }

static void
journal_wrap (struct pi *p)
{
  S (journal_length, 64, UINT64_MAX - 3);
}

static void journal_far (struct pi *p) { S (journal_start, 64, 126); }

static void
journal_owner (struct pi *p)
{
  S (journal_start, 64, 30);
}

static void twin_far (struct pi *p) { S (twin_b, 64, p->o.blocks); }
static void twin_same (struct pi *p) { p->super.twin_b = p->super.twin_a; }
static void twin_slot (struct pi *p) { S (twin_a, 64, 16); }
static void twin_journal (struct pi *p) { S (twin_a, 64, 33); }
static void generation (struct pi *p) { S (generation, 64, 0); }
static void reserved (struct pi *p) { p->super.reserved1[235] = 1; }
static void reserved0 (struct pi *p) { p->super.reserved0[1] = 1; }
static void
tail_block (struct pi *p)
{
  p->super.journal_tail_block = p->super.journal_length;
}

static void clean (struct pi *p) { S (clean, 32, 2); }
static void next_id (struct pi *p) { S (next_id, 64, 0); }

static struct format_marker *
marker (struct pi *p, unsigned i)
{
  return (struct format_marker *)
    bend_block (p, le64toh (p->super.journal_start) + i);
}

static void
seal_marker (struct format_marker *m)
{
  m->crc = htole32 (base_crc32c (m, sizeof *m - 4));
}

static void
marker_ahead (struct pi *p)
{
  struct format_marker *m = marker (p, 0);

  *m = *marker (p, 3);
  m->generation = htole64 (8);
  seal_marker (m);
}

static void
marker_elsewhere (struct pi *p)
{
  *marker (p, 0) = *marker (p, 3);
}

static void
marker_foreign (struct pi *p)
{
  marker (p, 3)->uuid[0] ^= 1;
  seal_marker (marker (p, 3));
}

/* Generation 7: slot A and twin A; 6: slot B and twin B. */
static void
other_uuid (struct pi *p)
{
  struct format_super *s = (struct format_super *)
    (p->image + FORMAT_SLOT_B);

  s->uuid[15] ^= 1;
  format_super_seal (s);
}

static void
wrong_parity (struct pi *p)
{
  struct format_super *s = (struct format_super *)
    (p->image + FORMAT_SLOT_B);

  s->generation = htole64 (5);
  format_super_seal (s);
}

static void
check_copies_differ (void)
{
  static struct verdict v;
  const char *name;
  struct pi *p = pool_sample (SAMPLE_ONE, &name);
  struct format_super *twin = (struct format_super *)
    bend_block (p, le64toh (p->super.twin_a));

  twin->written = htole64 (5);
  format_super_seal (twin);
  verdict_of (&v, p->image, p->o.blocks * p->bs, &p->super, false);
  CHECK (verdict_says (&v, "superblock twin A", "differs"));
  pi_free (p);
}

/* The state that was asked for has been overwritten, or was never one. */
static void
check_lost_or_unsealed (void)
{
  static struct verdict v;
  const char *name;
  struct pi *p = pool_sample (SAMPLE_ONE, &name);
  struct format_super unsealed = p->super;

  memset (p->image, 0, p->bs);
  memset (bend_block (p, le64toh (p->super.twin_a)), 0, p->bs);
  verdict_of (&v, p->image, p->o.blocks * p->bs, &p->super, false);
  CHECK (verdict_says (&v, "superblock: no copy of generation 7", NULL));
  unsealed.written ^= 1;
  verdict_of (&v, p->image, p->o.blocks * p->bs, &unsealed, false);
  CHECK (verdict_says (&v, "superblock", "checksum"));
  CHECK_EQ_INT (v.n, 1);
  pi_free (p);
}

/* The image ends early, then the superblock lies about it: quickly, and in
 * little memory.
 */
static void
check_short_backing (void)
{
  static struct verdict v;
  const char *name;
  struct pi *p = pool_sample (SAMPLE_WIDE, &name);

  verdict_of (&v, p->image, 40 * p->bs, &p->super, false);
  CHECK (v.result == 0);
  CHECK (verdict_says (&v, "superblock: the pool has", "backing ends"));
  CHECK (verdict_says (&v, "table: node", "cannot be read"));
  pi_free (p);
}

static void
check_other_copies_may_be_newer (void)
{
  static struct verdict v;
  const char *name;
  struct pi *p = pool_sample (SAMPLE_ONE, &name);
  struct format_super *s = (struct format_super *)
    (p->image + FORMAT_SLOT_B);
  struct format_marker *m = marker (p, 0);

  /* The pool went on while it was checked. */
  s->generation = htole64 (8);
  format_super_seal (s);
  *m = *marker (p, 3);
  m->generation = htole64 (8);
  seal_marker (m);
  verdict_of (&v, p->image, p->o.blocks * p->bs, &p->super, false);
  CHECK_EQ_INT (v.n, 0);
  pi_free (p);
}

TEST_MAIN
{
  static const struct bend all[] = {
    { "version", SAMPLE_ONE, version, "superblock", "version" },
    { "features", SAMPLE_ONE, features, "superblock", "features" },
    { "small blocks", SAMPLE_ONE, small_blocks, "superblock", "block size" },
    { "large blocks", SAMPLE_ONE, large_blocks, "superblock", "block size" },
    { "slab", SAMPLE_ONE, slab, "superblock", "slab size" },
    { "small slab", SAMPLE_ONE, small_slab, "superblock", "slab size" },
    { "no slots", SAMPLE_ONE, slots_0, "superblock", "slots" },
    { "part of a leaf of slots", SAMPLE_ONE, slots_part, "superblock",
      "slots" },
    { "more slots than blocks hold", SAMPLE_ONE, slots_more, "superblock",
      "slots" },
    { "many slots", SAMPLE_ONE, slots_many, "superblock", "slots" },
    { "part of a slab", SAMPLE_ONE, slab_part, "superblock", "slabs" },
    { "few blocks", SAMPLE_ONE, few, "superblock", "number of blocks" },
    { "many blocks", SAMPLE_ONE, many, "superblock", "number of blocks" },
    { "huge", SAMPLE_ONE, huge, "superblock", "backing ends" },
    { "longer", SAMPLE_ONE, longer, "superblock", "backing ends" },
    { "journal at 0", SAMPLE_ONE, journal_0, "superblock", "journal" },
    { "journal short", SAMPLE_ONE, journal_short, "superblock", "journal" },
    { "journal wraps", SAMPLE_ONE, journal_wrap, "superblock", "journal" },
    { "journal outside", SAMPLE_ONE, journal_far, "superblock", "journal" },
    { "journal on the owner", SAMPLE_ONE, journal_owner, "superblock",
      "journal" },
    { "twin outside", SAMPLE_ONE, twin_far, "superblock", "twin" },
    { "twins together", SAMPLE_ONE, twin_same, "superblock", "twin" },
    { "twin on slot B", SAMPLE_ONE, twin_slot, "superblock", "twin" },
    { "twin in the journal", SAMPLE_ONE, twin_journal, "superblock",
      "twin" },
    { "generation 0", SAMPLE_ONE, generation, "superblock", "generation" },
    { "reserved", SAMPLE_ONE, reserved, "superblock", "reserved" },
    { "reserved early", SAMPLE_ONE, reserved0, "superblock", "reserved" },
    { "journal tail", SAMPLE_ONE, tail_block, "superblock", "tail" },
    { "clean", SAMPLE_ONE, clean, "superblock", "clean" },
    { "next id", SAMPLE_ONE, next_id, "superblock", "next id" },
    { "marker ahead", SAMPLE_ONE, marker_ahead, "superblock",
      "was durable once" },
    { "marker in the wrong block", SAMPLE_ONE, marker_elsewhere, "marker 0",
      "does not belong" },
    { "marker of another pool", SAMPLE_ONE, marker_foreign, "marker 3",
      "another pool" },
    { "other uuid", SAMPLE_ONE, other_uuid, "superblock slot B",
      "another pool" },
    { "wrong parity", SAMPLE_ONE, wrong_parity, "superblock slot B",
      "not a valid" },
  };

  bend_all (all, BASE_ARRAY_SIZE (all));
  check_copies_differ ();
  check_lost_or_unsealed ();
  check_short_backing ();
  check_other_copies_may_be_newer ();
}
