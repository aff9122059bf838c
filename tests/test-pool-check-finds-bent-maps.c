/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The check finds what is wrong inside maps although every checksum is
 * right: entries that may not stand where they stand, blocks in two places,
 * sharing that the epochs forbid, and maps that do not fit their record.
 *
 * Of the sample "family": record 0 is volume root with blocks 0 and 255 in
 * its first leaf, 1 its snapshot a, 4 the clone branch.
 */

#include "pool-bend.h"
#include "test.h"

#define E(record, block, level) bend_entry (p, record, block, level)

static void
set_word (struct format_entry *e, uint64_t bits)
{
  e->word |= htole64 (bits);
}

static void
set_place (struct format_entry *e, uint64_t place)
{
  e->word = htole64 ((le64toh (e->word) & ~FORMAT_PLACE_MASK) | place);
}

static void
bad_type (struct pi *p)
{
  set_word (E (0, 1, BEND_DATA), UINT64_C (4) << FORMAT_TYPE_SHIFT);
}

static void
node_in_leaf (struct pi *p)
{
  set_word (E (0, 1, BEND_DATA), UINT64_C (3) << FORMAT_TYPE_SHIFT);
}

static void
data_in_node (struct pi *p)
{
  struct format_entry *e = E (0, 256, 0);

  format_entry_set (e, FORMAT_DATA, format_place (e), format_birth (e), 0);
}

static void
device_bits (struct pi *p)
{
  set_word (E (0, 1, BEND_DATA), UINT64_C (1) << 44);
}

static void
reserved_bits (struct pi *p)
{
  set_word (E (0, 1, 0), UINT64_C (1) << 63);
}

static void
hole_with_place (struct pi *p)
{
  format_entry_set (E (0, 2, BEND_DATA), FORMAT_HOLE, 77, 0, 0);
}

static void
hole_with_birth (struct pi *p)
{
  format_entry_set (E (0, 2, BEND_DATA), FORMAT_HOLE, 0, 1, 0);
}

static void
zero_with_place (struct pi *p)
{
  set_place (E (0, 0, BEND_DATA), 77);
}

static void
zero_entry (struct pi *p)
{
  format_entry_set (E (0, 2, BEND_DATA), FORMAT_ZERO, 0, 1, 0);
}

static void
outside (struct pi *p)
{
  set_place (E (0, 1, BEND_DATA), p->o.blocks);
}

static void
node_outside (struct pi *p)
{
  set_place (E (0, 256, 0), FORMAT_PLACE_MASK);
}

static void
on_superblock (struct pi *p)
{
  set_place (E (0, 1, BEND_DATA), 0);
}

static void
on_journal (struct pi *p)
{
  set_place (E (0, 256, 0), le64toh (p->super.journal_start) + 3);
}

static void
on_twin (struct pi *p)
{
  set_place (&bend_record (p, 0)->root.entry, le64toh (p->super.twin_b));
}

static void
young_data (struct pi *p)
{
  E (0, 700, BEND_DATA)->birth = htole32 (p->epoch + 1);
}

static void
young_root (struct pi *p)
{
  bend_record (p, 0)->root.entry.birth = htole32 (p->epoch + 1);
}

static void
old_parent (struct pi *p)
{
  E (0, 256, 0)->birth = htole32 (1);
}

/* ---- places -------------------------------------------------------------- */

/* Block 0 of branch becomes a copy of block 0 of root, uncounted. */
static void
uncounted (struct pi *p)
{
  *E (4, 300, BEND_DATA) = *E (0, 700, BEND_DATA);
}

/* The same, counted: still at another logical block. */
static void
elsewhere (struct pi *p)
{
  uncounted (p);
  *bend_refs (p, format_place (E (0, 700, BEND_DATA))) = htole32 (1);
}

static void
data_is_node (struct pi *p)
{
  const uint64_t node = format_place (E (0, 256, 0));

  set_place (E (0, 700, BEND_DATA), node);
}

static void
data_is_counted_node (struct pi *p)
{
  data_is_node (p);
  *bend_refs (p, format_place (E (0, 256, 0))) = htole32 (1);
}

static void
node_in_circle (struct pi *p)
{
  struct format_root *root = &bend_record (p, 0)->root;

  set_place (E (0, 256, 0), format_place (&root->entry));
}

static void
other_birth (struct pi *p)
{
  /* Block 1 is shared by root and its snapshots through several leaves. */
  E (4, 1, BEND_DATA)->birth = htole32 (0);
}

static void
map_in_table (struct pi *p)
{
  bend_record (p, 0)->root.entry = p->super.table.entry;
}

/* ---- epochs -------------------------------------------------------------- */

static void
snap_epoch_low (struct pi *p)
{
  bend_record (p, 4)->snap_epoch = htole32 (1);
}

static void
snap_epoch_zero (struct pi *p)
{
  bend_record (p, 0)->snap_epoch = 0;
}

/* ---- maps and records ---------------------------------------------------- */

static void
beyond_size (struct pi *p)
{
  bend_record (p, 0)->size = htole64 (4096 * 700);
}

static void
shared_beyond_size (struct pi *p)
{
  bend_record (p, 4)->size = htole64 (4096 * 1024);
}

static void
node_beyond_size (struct pi *p)
{
  bend_record (p, 0)->size = htole64 (4096 * 300);
}

static void
tail_bytes (struct pi *p)
{
  bend_record (p, 0)->size = htole64 (4097);
}

static void
empty_node (struct pi *p)
{
  memset (bend_block (p, format_place (E (0, 700, 0))), 0, p->bs);
}

static void
few_levels (struct pi *p)
{
  bend_record (p, 0)->root.levels = 1;
}

static void
import_levels (struct pi *p)
{
  bend_record (p, 4)->size = htole64 (UINT64_C (1) << 40);
}

static void
many_levels (struct pi *p)
{
  bend_record (p, 0)->root.levels = 9;
}

static void
wrong_levels (struct pi *p)
{
  bend_record (p, 0)->root.levels = 7;
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

static void
few_shared (struct pi *p)
{
  bend_record (p, 1)->shared = 0;
}

static void
many_shared (struct pi *p)
{
  bend_record (p, 1)->shared = htole64 (100);
}

/* An orphan's cursor stands inside of a node that is shared. */
static void
half_shared (struct pi *p)
{
  struct format_record *r = bend_record (p, 1);

  r->root = bend_record (p, 0)->root;
  *bend_refs (p, format_place (&r->root.entry)) = htole32 (1);
  r->cursor = htole64 (256);
}

static void
stale_bent (struct pi *p)
{
  set_word (E (2, 0, 0), UINT64_C (1) << 50);
}

static void
stale_reached (struct pi *p)
{
  bend_record (p, 2)->cursor = 0;
}

TEST_MAIN
{
  static const struct bend all[] = {
    { "type 5", SAMPLE_ONE, bad_type, "volume root: data", "type" },
    { "NODE in a leaf", SAMPLE_ONE, node_in_leaf, "volume root: data",
      "type" },
    { "DATA in an interior node", SAMPLE_FAMILY, data_in_node,
      "volume root: map node", "type" },
    { "device", SAMPLE_ONE, device_bits, "volume root: data", "reserved" },
    { "reserved", SAMPLE_ONE, reserved_bits, "volume root: map node",
      "reserved" },
    { "hole with a place", SAMPLE_ONE, hole_with_place, "volume root",
      "although it is a hole" },
    { "hole with a birth", SAMPLE_ONE, hole_with_birth, "volume root",
      "although it is a hole" },
    { "zero with a place", SAMPLE_OVERLAY, zero_with_place, "over",
      "although it is a hole" },
    { "zero entry", SAMPLE_ONE, zero_entry, "volume root", "no overlay" },
    { "place outside", SAMPLE_ONE, outside, "volume root: data",
      "outside the pool" },
    { "node outside", SAMPLE_FAMILY, node_outside, "volume root: map node",
      "outside the pool" },
    { "data on the superblock", SAMPLE_ONE, on_superblock,
      "volume root: data", "fixed" },
    { "node in the journal", SAMPLE_FAMILY, on_journal,
      "volume root: map node", "fixed" },
    { "root on a twin", SAMPLE_ONE, on_twin, "volume root: map node",
      "fixed" },
    { "data younger than its leaf", SAMPLE_FAMILY, young_data,
      "data at block", "younger" },
    { "root from the future", SAMPLE_ONE, young_root,
      "volume root: map node", "younger" },
    { "data younger than an old leaf", SAMPLE_FAMILY, old_parent,
      "root", "younger" },
    { "two references, one counted", SAMPLE_FAMILY, uncounted,
      "volume branch: data", "more references than are counted (1)" },
    { "two logical blocks", SAMPLE_FAMILY, elsewhere, "data",
      "in use elsewhere" },
    { "data block is a node", SAMPLE_FAMILY, data_is_node, "volume root",
      "more references" },
    { "data block is a counted node", SAMPLE_FAMILY, data_is_counted_node,
      "volume root", "in use elsewhere" },
    { "a circle", SAMPLE_FAMILY, node_in_circle, "volume root: map node",
      "more references" },
    { "two births", SAMPLE_FAMILY, other_birth, "data", "in use elsewhere" },
    { "a map in the table", SAMPLE_ONE, map_in_table, "volume root",
      "more references" },
    { "shared above snap_epoch", SAMPLE_FAMILY, snap_epoch_low,
      "volume branch", "is shared although born" },
    { "snap_epoch 0", SAMPLE_FAMILY, snap_epoch_zero, "volume root",
      "is shared although born" },
    { "entry beyond the size", SAMPLE_FAMILY, beyond_size, "volume root",
      "beyond its size" },
    { "shared entry beyond the size", SAMPLE_FAMILY, shared_beyond_size,
      "volume branch", "beyond its size" },
    { "node beyond the size", SAMPLE_FAMILY, node_beyond_size,
      "volume root: map node", "beyond its size" },
    { "bytes beyond the size", SAMPLE_ONE, tail_bytes, "volume root: data",
      "not zero" },
    { "node without entries", SAMPLE_FAMILY, empty_node,
      "map node", "no entries" },
    { "too few levels", SAMPLE_FAMILY, few_levels, "volume root",
      "levels" },
    { "too few levels for an import", SAMPLE_ORPHANS, import_levels,
      "import incoming", "levels" },
    { "too many levels", SAMPLE_ONE, many_levels, "volume root", "levels" },
    { "levels not there", SAMPLE_ONE, wrong_levels, "volume root", "type" },
    { "mapped", SAMPLE_FAMILY, wrong_mapped, "volume root",
      "2 blocks are mapped" },
    { "nodes", SAMPLE_FAMILY, wrong_nodes, "snapshot root@a",
      "2 nodes" },
    { "shared too low", SAMPLE_FAMILY, few_shared, "snapshot root@a",
      "at most 0" },
    { "shared too high", SAMPLE_FAMILY, many_shared, "snapshot root@a",
      "at most 100" },
    { "half of a shared map released", SAMPLE_ORPHANS, half_shared,
      "removed volume", "half released" },
    { "entry below the cursor", SAMPLE_ORPHANS, stale_bent,
      "removed volume", "reserved" },
    { "released part reached", SAMPLE_ORPHANS, stale_reached,
      "removed volume", NULL },
  };

  bend_all (all, BASE_ARRAY_SIZE (all));
}
