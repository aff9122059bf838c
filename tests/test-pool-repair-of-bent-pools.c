/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is wrong under right checksums is made right: counters, space, counts
 * of references, slabs, leaks, blocks that are named twice.  Volumes then read
 * as before, or the bytes that are lost are named and are errors; and what is
 * written to the pool afterwards spoils nothing.
 */

#include "repair-judge.h"
#include "test.h"

#define E(record, block, level) bend_entry (p, record, block, level)

static void
count (struct pi *p, int n)
{
  p->super.allocated = htole64 (le64toh (p->super.allocated) + n);
}

static void
used_but_free (struct pi *p)
{
  bend_space (p, format_place (E (0, 1, BEND_DATA)), false);
  count (p, -1);
}

static void
fixed_but_free (struct pi *p)
{
  bend_space (p, le64toh (p->super.twin_a), false);
  count (p, -1);
}

static void
leaked (struct pi *p)
{
  bend_space (p, bend_free (p, 0), true);
  bend_space (p, bend_free (p, 2), true);
  count (p, 2);
}

static void
no_space_map (struct pi *p)
{
  memset (&p->super.space.entry, 0, sizeof p->super.space.entry);
}

static void
space_beyond (struct pi *p)
{
  bend_leaf (p, &p->super.space, 0)[p->bs - 1] = 0x80;
}

static void counter (struct pi *p) { count (p, 1); }

static void
refs_low (struct pi *p)
{
  *bend_refs (p, format_place (E (0, 1, BEND_DATA))) = htole32 (1);
}

static void
refs_high (struct pi *p)
{
  *bend_refs (p, format_place (E (0, 1, BEND_DATA))) = htole32 (3);
}

static void
refs_on_free (struct pi *p)
{
  *bend_refs (p, bend_free (p, 0)) = htole32 (1);
}

static void
refs_on_fixed (struct pi *p)
{
  *bend_refs (p, 0) = htole32 (UINT32_MAX);
}

static void
no_refs (struct pi *p)
{
  memset (&p->super.refs.entry, 0, sizeof p->super.refs.entry);
}

static void
not_backed (struct pi *p)
{
  memset (bend_leaf (p, &p->super.backed, 0), 0, p->bs);
}

static void
backed_beyond (struct pi *p)
{
  bend_leaf (p, &p->super.backed, 0)[100] = 1;
}

static void space_levels (struct pi *p) { p->super.space.levels = 2; }
static void refs_levels (struct pi *p) { p->super.refs.levels = 0; }

static void
backed_is_table (struct pi *p)
{
  p->super.backed.entry = p->super.table.entry;
}

static void
wrong_mapped (struct pi *p)
{
  bend_record (p, 0)->mapped = htole64 (2);
}

static void
wrong_nodes (struct pi *p)
{
  bend_record (p, 1)->nodes = htole64 (2);
}

static void few_shared (struct pi *p) { bend_record (p, 1)->shared = 0; }

static void
many_shared (struct pi *p)
{
  bend_record (p, 1)->shared = htole64 (100);
}

static void
snap_epoch_zero (struct pi *p)
{
  bend_record (p, 0)->snap_epoch = 0;
}

static void next_id (struct pi *p) { p->super.next_id = htole64 (2); }

/* Two volumes name one block at different positions; both checks are right,
 * so that both get what their entries say.
 */
static void
both_right (struct pi *p)
{
  *E (4, 300, BEND_DATA) = *E (0, 700, BEND_DATA);
}

/* The entry of branch comes first in its map, and is not right. */
static void
data_twice (struct pi *p)
{
  struct format_entry *e = E (4, 300, BEND_DATA);

  e->word = E (0, 700, BEND_DATA)->word;
  e->check = htole32 (POOL_FIX_WRONG);
}

/* The same the other way: root, which is walked first, is not right. */
static void
data_twice_first (struct pi *p)
{
  struct format_entry *e = E (0, 700, BEND_DATA);

  e->word = E (4, 300, BEND_DATA)->word;
  e->check = htole32 (POOL_FIX_WRONG);
}

static void
node_twice (struct pi *p)
{
  struct format_entry *e = E (4, 300, 0);

  e->word = E (0, 700, 0)->word;
  e->check = htole32 (POOL_FIX_WRONG);
}

static void
map_is_table (struct pi *p)
{
  bend_record (p, 4)->root.entry.word = p->super.table.entry.word;
  bend_record (p, 4)->root.entry.check = htole32 (POOL_FIX_WRONG);
}

static void
bad_marker (struct pi *p)
{
  p->image[(le64toh (p->super.journal_start) + 2) * p->bs + 9] ^= 1;
}

struct row {
  const char *name;
  unsigned sample;
  void (*bend) (struct pi *p);
  const char *says;
  const char *lost;             /* NULL: nothing */
  uint64_t offset, length;
  unsigned nlost;               /* who shares it has lost it too; 0: one */
  const char *other;            /* its content changes: not compared */
};

static struct repaired r;

/* Write, overwrite, snapshot, remove: the repaired pool is a pool. */
static const char *
use (struct vdev *d)
{
  static const char *const snap[] = { "new@s" };
  static uint8_t bytes[40 * 4096];
  struct pool *p;
  struct vdev *v;
  const char *wrong = NULL;

  if (pool_open (vdev_ref (d), NULL, &p) < 0) {
    vdev_unref (d);
    return "does not open for writing";
  }
  if (pool_create (p, "new", 1 << 20, 0) == 0) {
    CHECK_EQ_INT (pool_volume_open (p, "new", false, NULL, &v), 0);
    memset (bytes, 0x5a, sizeof bytes);
    if (vdev_write (v, bytes, sizeof bytes, 0, 0) == 0
        && pool_snapshot (p, snap, 1, 0) < 0)
      wrong = "no snapshot";
    vdev_unref (v);
    if (pool_remove (p, "new", POOL_RECURSIVE) < 0 || pool_reclaim (p) < 0)
      wrong = "no removal";
  }
  return pool_close (p) < 0 ? "close" : wrong;
}

static const char *
judge (const struct row *b, struct pi *p, struct vdev *d)
{
  const char *wrong;

  if (r.result < 0)
    return "failed";
  if (!repaired_says (&r, b->says))
    return "does not say so";
  if (b->lost == NULL ? r.nlost > 0
      : r.nlost != BASE_MAX (b->nlost, 1U)
      || strcmp (r.lost[0].name, b->lost) != 0
      || r.lost[0].offset != b->offset || r.lost[0].length != b->length)
    return "other bytes are lost";
  if (b->other == NULL) {
    wrong = repair_judge (p, d, &r);
    if (wrong == NULL)
      wrong = use (d);
    if (wrong == NULL)
      wrong = repair_judge (p, d, &r);
    if (wrong)
      return wrong;
  }
  /* A lost map node stays an error; lost data is not looked at. */
  return r.nproblems == 0 && !repair_is_clean (d) ? "not clean" : NULL;
}

TEST_MAIN
{
  static const struct row all[] = {
    { "data marked free", SAMPLE_ONE, used_but_free,
      "1 blocks that are in use", .lost = NULL },
    { "twin marked free", SAMPLE_ONE, fixed_but_free,
      "1 blocks that are in use", .lost = NULL },
    { "leaks", SAMPLE_FAMILY, leaked, "2 leaked blocks", .lost = NULL },
    { "no space map", SAMPLE_ONE, no_space_map, "in use marked so",
      .lost = NULL },
    { "bits beyond the end", SAMPLE_ONE, space_beyond, "beyond the end",
      .lost = NULL },
    { "counter", SAMPLE_ONE, counter, "blocks are allocated", .lost = NULL },
    { "count too low", SAMPLE_FAMILY, refs_low, "1 corrected", .lost = NULL },
    { "count too high", SAMPLE_FAMILY, refs_high, "1 corrected",
      .lost = NULL },
    { "count of a free block", SAMPLE_FAMILY, refs_on_free, "1 corrected",
      .lost = NULL },
    { "count of a fixed block", SAMPLE_FAMILY, refs_on_fixed, "1 corrected",
      .lost = NULL },
    { "no counts", SAMPLE_FAMILY, no_refs, "reference counts",
      .lost = NULL },
    { "slab not backed", SAMPLE_FAMILY, not_backed, "slabs in use",
      .lost = NULL },
    { "slabs beyond the end", SAMPLE_FAMILY, backed_beyond, "beyond the end",
      .lost = NULL },
    { "levels of space", SAMPLE_ONE, space_levels, "space map: 1 damaged",
      .lost = NULL },
    { "levels of refs", SAMPLE_FAMILY, refs_levels,
      "reference counts: 1 damaged", .lost = NULL },
    { "slabs are the table", SAMPLE_ONE, backed_is_table,
      "backed slabs: 1 damaged", .lost = NULL },
    { "mapped", SAMPLE_FAMILY, wrong_mapped, "root: its record",
      .lost = NULL },
    { "nodes", SAMPLE_FAMILY, wrong_nodes, "root@a: its record",
      .lost = NULL },
    { "shared too low", SAMPLE_FAMILY, few_shared, "root@a: its record",
      .lost = NULL },
    { "shared too high", SAMPLE_FAMILY, many_shared, "root@a: its record",
      .lost = NULL },
    { "snap_epoch", SAMPLE_FAMILY, snap_epoch_zero,
      "root: its record says up to", .lost = NULL },
    { "next id", SAMPLE_FAMILY, next_id, "the next id", .lost = NULL },
    { "one block, both right", SAMPLE_FAMILY, both_right, "parted",
      .other = "branch" },
    { "one block, one right", SAMPLE_FAMILY, data_twice,
      "named for block 300, belongs to root: parted", .lost = "branch",
      .offset = 300 * 4096, .length = 4096 },
    { "one block, the other right", SAMPLE_FAMILY, data_twice_first,
      "root: block", .lost = "root", .offset = 700 * 4096,
      .length = 4096, .nlost = 5 },
    { "one node", SAMPLE_FAMILY, node_twice, "parted", .lost = "branch",
      .offset = 256 * 4096, .length = 256 * 4096 },
    { "a map in the table", SAMPLE_FAMILY, map_is_table,
      "belongs to the pool itself: parted", .lost = "branch",
      .length = 1100 * 4096 - 100 },
    { "marker", SAMPLE_ONE, bad_marker, "markers: 1", .lost = NULL },
  };
  const char *name, *wrong;
  struct vdev *d;
  struct pi *p;
  size_t i, bad = 0;

  for (i = 0; i < BASE_ARRAY_SIZE (all); ++i) {
    p = pool_sample (all[i].sample, &name);
    all[i].bend (p);
    pool_fix (p->image, p->o.blocks * p->bs, &p->super);
    d = repair_device (p->image, p->o.blocks * p->bs);
    repair_run (&r, d);
    wrong = judge (&all[i], p, d);
    if (wrong) {
      printf ("%s: %s\n", all[i].name, wrong);
      repaired_print (&r);
      bad++;
    }
    else
      test_passed ();
    vdev_unref (d);
    pi_free (p);
  }
  CHECK_EQ_INT (bad, 0);
}
