/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What hangs below something that the check cannot read or must not enter is
 * lost, not leaked: it must never be offered for reuse.  And nothing else is
 * blamed for it: no count of references is called too high.
 */

#include "pool-bend.h"
#include "test.h"

#define E(record, block, level) bend_entry (p, record, block, level)

static void
node_rots (struct pi *p)
{
  bend_block (p, format_place (E (0, 0, 1)))[77] ^= 1;
}

static void
leaf_type (struct pi *p)
{
  E (0, 0, BEND_DATA)->word |= htole64 (UINT64_C (15) << FORMAT_TYPE_SHIFT);
}

static void
root_type (struct pi *p)
{
  E (4, 0, 1)->word |= htole64 (UINT64_C (15) << FORMAT_TYPE_SHIFT);
}

static void
beyond_size (struct pi *p)
{
  bend_record (p, 0)->size = htole64 (4096 * 300);
}

static void
few_levels (struct pi *p)
{
  bend_record (p, 0)->root.levels = 1;
}

/* The clone's root is the table's: its own hangs nowhere. */
static void
clash (struct pi *p)
{
  E (4, 0, 1)->word = p->super.table.entry.word;
}

static void
kind (struct pi *p)
{
  bend_record (p, 4)->kind = 77;
}

static void
table_type (struct pi *p)
{
  p->super.table.entry.word |= htole64 (UINT64_C (15) << FORMAT_TYPE_SHIFT);
}

static void
table_clash (struct pi *p)
{
  p->super.table.entry = p->super.space.entry;
}

static void
table_levels (struct pi *p)
{
  p->super.table.levels = 2;
}

static void
table_rots (struct pi *p)
{
  bend_block (p, format_place (&p->super.table.entry))[2000] ^= 1;
}

TEST_MAIN
{
  static const struct {
    const char *name;
    void (*bend) (struct pi *p);
    bool rot;                   /* leave the checksum wrong */
  } all[] = {
    { "rotten node", node_rots, true },
    { "type of a data entry", leaf_type, false },
    { "type of a root", root_type, false },
    { "node beyond the size", beyond_size, false },
    { "too few levels", few_levels, false },
    { "root in use elsewhere", clash, false },
    { "unknown kind", kind, false },
    { "type of the table's root", table_type, false },
    { "table in use elsewhere", table_clash, false },
    { "levels of the table", table_levels, false },
    { "rotten table", table_rots, true },
  };
  static struct verdict v;
  const char *name;
  struct pi *p;
  size_t i;

  for (i = 0; i < BASE_ARRAY_SIZE (all); i++) {
    p = pool_sample (SAMPLE_FAMILY, &name);
    all[i].bend (p);
    if (!all[i].rot)
      pool_fix (p->image, p->o.blocks * p->bs, &p->super);
    verdict_of (&v, p->image, p->o.blocks * p->bs, &p->super, false);
    if (v.r.leaks > 0 || verdict_says (&v, "reference counts", NULL))
      verdict_print (&v);
    CHECK_MSG (v.result == 0 && v.r.errors > 0, "%s: not found", all[i].name);
    CHECK_MSG (v.r.leaks == 0, "%s: called a leak", all[i].name);
    CHECK_MSG (!verdict_says (&v, "reference counts", NULL),
               "%s: counts are blamed", all[i].name);
    pi_free (p);
  }
}
