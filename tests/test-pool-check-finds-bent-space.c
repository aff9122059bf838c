/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The check finds every difference between what is reached and what the
 * space map, the reference counts, the backed slabs and the counters say;
 * leaks are told apart from errors.
 */

#include "pool-bend.h"
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
node_but_free (struct pi *p)
{
  bend_space (p, format_place (E (0, 256, 0)), false);
  count (p, -1);
}

static void
fixed_but_free (struct pi *p)
{
  bend_space (p, le64toh (p->super.twin_a), false);
  count (p, -1);
}

static void
no_space_leaf (struct pi *p)
{
  memset (&p->super.space.entry, 0, sizeof p->super.space.entry);
}

static void
space_beyond (struct pi *p)
{
  bend_leaf (p, &p->super.space, 0)[p->bs - 1] = 0x80;
  count (p, 1);
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
refs_on_pool_node (struct pi *p)
{
  *bend_refs (p, format_place (&p->super.space.entry)) = htole32 (1);
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
refs_beyond (struct pi *p)
{
  memset (bend_leaf (p, &p->super.refs, 0) + p->bs - 4, 1, 4);
}

static void
backed (struct pi *p)
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
static void table_levels (struct pi *p) { p->super.table.levels = 9; }
static void root_reserved (struct pi *p) { p->super.backed.reserved[0] = 1; }

static void
table_twice (struct pi *p)
{
  p->super.backed.entry = p->super.table.entry;
}

static void
beyond_leaves (struct pi *p)
{
  struct format_entry *node = (struct format_entry *)
    bend_block (p, format_place (&p->super.space.entry));

  node[200] = node[0];
}

static void
data_in_space (struct pi *p)
{
  struct format_entry *node = (struct format_entry *)
    bend_block (p, format_place (&p->super.space.entry));

  format_entry_set (&node[1], FORMAT_DATA, format_place (&node[1]), 1, 0);
}

/* ---- leaks --------------------------------------------------------------- */

static void
check_leak_is_no_error (void)
{
  static struct verdict v;
  const char *name;
  struct pi *p = pool_sample (SAMPLE_FAMILY, &name);

  bend_space (p, bend_free (p, 0), true);
  bend_space (p, bend_free (p, 1), true);
  bend_space (p, bend_free (p, 5), true);
  count (p, 3);
  pool_fix (p->image, p->o.blocks * p->bs, &p->super);
  verdict_of (&v, p->image, p->o.blocks * p->bs, &p->super, false);
  CHECK_EQ_INT (v.result, 0);
  CHECK_EQ_INT (v.r.errors, 0);
  CHECK_EQ_INT (v.r.leaks, 3);
  CHECK (v.n == 2 && v.line[0].leak && v.line[1].leak);
  pi_free (p);
}

TEST_MAIN
{
  static const struct bend all[] = {
    { "data marked free", SAMPLE_ONE, used_but_free, "space map: blocks",
      "in use, but marked free" },
    { "node marked free", SAMPLE_FAMILY, node_but_free, "space map: blocks",
      "in use, but marked free" },
    { "twin marked free", SAMPLE_ONE, fixed_but_free, "space map: blocks",
      "in use, but marked free" },
    { "no space map", SAMPLE_ONE, no_space_leaf, "space map: blocks",
      "in use, but marked free" },
    { "bits beyond the end", SAMPLE_ONE, space_beyond, "space map: bits",
      NULL },
    { "counter", SAMPLE_ONE, counter, "superblock", "blocks are allocated" },
    { "count too low", SAMPLE_FAMILY, refs_low, "data", "more references" },
    { "count too high", SAMPLE_FAMILY, refs_high, "reference counts: block",
      "4 references are counted, 3 found" },
    { "count of a pool node", SAMPLE_FAMILY, refs_on_pool_node,
      "reference counts: block", "2 references are counted, 1 found" },
    { "count of a free block", SAMPLE_FAMILY, refs_on_free,
      "reference counts: block", "not in use" },
    { "count of a fixed block", SAMPLE_FAMILY, refs_on_fixed,
      "reference counts: block 0", "4294967296 references" },
    { "counts beyond the end", SAMPLE_FAMILY, refs_beyond,
      "reference counts: numbers", NULL },
    { "slab not backed", SAMPLE_FAMILY, backed, "backed slabs: slab",
      "is in use" },
    { "slabs beyond the end", SAMPLE_FAMILY, backed_beyond,
      "backed slabs: bits", NULL },
    { "levels of space", SAMPLE_ONE, space_levels, "space map", "levels" },
    { "levels of refs", SAMPLE_FAMILY, refs_levels, "reference counts",
      "levels" },
    { "levels of the table", SAMPLE_ONE, table_levels, "table", "levels" },
    { "root reserved", SAMPLE_ONE, root_reserved, "backed slabs",
      "reserved" },
    { "one node in two trees", SAMPLE_ONE, table_twice, "table: node",
      "more references" },
    { "node beyond the tree", SAMPLE_WIDE, beyond_leaves, "space map: node",
      "beyond the end" },
    { "data in the space tree", SAMPLE_WIDE, data_in_space,
      "space map: node", "type" },
  };

  bend_all (all, BASE_ARRAY_SIZE (all));
  check_leak_is_no_error ();
}
