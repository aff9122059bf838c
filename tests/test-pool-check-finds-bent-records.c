/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The check finds records of the table that contradict the format or each
 * other, although every checksum is right.
 */

#include "pool-bend.h"
#include "test.h"

#define R(i) bend_record (p, i)

static void
rename_to (struct format_record *r, const char *name)
{
  memset (r->name, 0, sizeof r->name);
  r->name_length = strlen (name);
  memcpy (r->name, name, r->name_length);
}

static void kind (struct pi *p) { R (0)->kind = 9; }
static void free_used (struct pi *p) { R (2)->id = htole64 (3); }
static void flags (struct pi *p) { R (0)->flags = 8; }
static void reserved (struct pi *p) { R (0)->reserved2[103] = 1; }
static void reserved_root (struct pi *p) { R (0)->root.reserved[6] = 1; }
static void reserved_early (struct pi *p) { R (0)->reserved0[0] = 1; }
static void no_name (struct pi *p) { rename_to (R (0), ""); }
static void name_dots (struct pi *p) { rename_to (R (0), "a..b"); }
static void name_first (struct pi *p) { rename_to (R (0), ".a"); }
static void name_at (struct pi *p) { rename_to (R (0), "a@b"); }
static void name_nul (struct pi *p) { R (0)->name[1] = '\0'; }
static void name_tail (struct pi *p) { R (0)->name[199] = 'x'; }
static void name_long (struct pi *p) { R (0)->name_length = 201; }
static void same_name (struct pi *p) { rename_to (R (4), "root"); }
static void same_snap (struct pi *p) { rename_to (R (1), "b"); }
static void same_id (struct pi *p) { R (4)->id = R (0)->id; }
static void zero_id (struct pi *p) { R (4)->id = 0; }
static void next_id (struct pi *p) { R (4)->id = p->super.next_id; }
static void no_parent (struct pi *p) { R (1)->parent = htole64 (3); }
static void lost_parent (struct pi *p) { R (1)->parent = 0; }
static void snap_parent (struct pi *p) { R (1)->parent = R (3)->id; }
static void vol_parent (struct pi *p) { R (0)->parent = R (4)->id; }
static void size_0 (struct pi *p) { R (0)->size = 0; }

static void
size_max (struct pi *p)
{
  R (0)->size = htole64 (FORMAT_MAX_VOLUME + 1);
}

static void cursor (struct pi *p) { R (0)->cursor = htole64 (1); }
static void epoch (struct pi *p) { R (0)->snap_epoch = htole32 (99); }
static void epoch_made (struct pi *p) { R (0)->epoch = htole32 (99); }
static void late_snapshot (struct pi *p) { R (3)->epoch = htole32 (1); }
static void base (struct pi *p) { R (0)->base_size = htole64 (1); }
static void orphan_cursor (struct pi *p) { R (2)->cursor = htole64 (300); }
static void orphan_name (struct pi *p) { R (1)->name[0] = 'x'; }

/* A second leaf that the number of slots does not cover. */
static void
beyond (struct pi *p)
{
  p->super.slots = htole32 (8);
  p->super.table.levels = 2;
}

static void
cut_off (struct pi *p)
{
  p->super.slots = htole32 (7);
}

TEST_MAIN
{
  static const struct bend all[] = {
    { "kind", SAMPLE_FAMILY, kind, "table: record 0", "unknown kind" },
    { "free record", SAMPLE_FAMILY, free_used, "table: record 2",
      "not empty" },
    { "flags", SAMPLE_FAMILY, flags, "table: record 0", "unknown flags" },
    { "reserved", SAMPLE_FAMILY, reserved, "table: record 0", "reserved" },
    { "reserved in the root", SAMPLE_FAMILY, reserved_root,
      "table: record 0", "reserved" },
    { "reserved at the start", SAMPLE_FAMILY, reserved_early,
      "table: record 0", "reserved" },
    { "no name", SAMPLE_FAMILY, no_name, "table: record 0", "name" },
    { "two dots", SAMPLE_FAMILY, name_dots, "table: record 0", "name" },
    { "dot first", SAMPLE_FAMILY, name_first, "table: record 0", "name" },
    { "at sign", SAMPLE_FAMILY, name_at, "table: record 0", "name" },
    { "NUL inside", SAMPLE_FAMILY, name_nul, "table: record 0", "name" },
    { "bytes after the name", SAMPLE_FAMILY, name_tail, "table: record 0",
      "name" },
    { "name too long", SAMPLE_FAMILY, name_long, "table: record 0", "name" },
    { "two volumes of one name", SAMPLE_FAMILY, same_name, "volume root",
      "two of this name" },
    { "two snapshots of one name", SAMPLE_FAMILY, same_snap,
      "snapshot root@b", "two of this name" },
    { "two of one id", SAMPLE_FAMILY, same_id, "same id", NULL },
    { "id 0", SAMPLE_FAMILY, zero_id, "table: record 4", "id" },
    { "next id", SAMPLE_FAMILY, next_id, "table: record 4", "id" },
    { "no such parent", SAMPLE_FAMILY, no_parent, "snapshot ?@a",
      "does not exist" },
    { "parent 0", SAMPLE_FAMILY, lost_parent, "table: record 1", "parent" },
    { "snapshot of a snapshot", SAMPLE_FAMILY, snap_parent, "snapshot ?@a",
      "does not exist" },
    { "volume with a parent", SAMPLE_FAMILY, vol_parent, "table: record 0",
      "parent" },
    { "size 0", SAMPLE_FAMILY, size_0, "table: record 0", "size" },
    { "size too large", SAMPLE_FAMILY, size_max, "table: record 0", "size" },
    { "cursor", SAMPLE_FAMILY, cursor, "table: record 0", "cursor" },
    { "epoch", SAMPLE_FAMILY, epoch, "table: record 0", "epoch" },
    { "made in the future", SAMPLE_FAMILY, epoch_made, "table: record 0",
      "epoch" },
    { "snapshot with younger blocks", SAMPLE_FAMILY, late_snapshot,
      "snapshot root@b", "younger" },
    { "base", SAMPLE_FAMILY, base, "table: record 0", "no overlay" },
    { "cursor inside of a leaf", SAMPLE_ORPHANS, orphan_cursor,
      "table: record 2", "cursor" },
    { "orphan with a name", SAMPLE_ORPHANS, orphan_name, "table: record 1",
      "has a name" },
    { "leaf beyond the end", SAMPLE_WIDE, beyond, "table", "levels" },
    { "record beyond the end", SAMPLE_FAMILY, cut_off, "table: record 7",
      "beyond the end" },
  };

  bend_all (all, BASE_ARRAY_SIZE (all));
}
