/* SPDX-License-Identifier: BSD-3-Clause
 *
 * check: the order in which a committed state is proved.
 *
 * 1. geometry: whether the superblock can be true at all; if not, nothing
 *    else is tried.
 * 2. the fixed blocks: markers, the four copies of the superblock, owner.
 *    Markers are read before copies, so that a pool that goes on committing
 *    meanwhile never shows a marker that is ahead of every copy.
 * 3. the pool's own trees, then the maps of all records (check-map.c).
 * 4. what was reached against space, refs, backed and the counters.
 *
 * check-internal.h says which file holds what; docs/pool-format.md lists the
 * invariants.
 */

#include "check-internal.h"

#include <stdlib.h>

/* Attempts to read a sector that a running pool may be writing. */
#define TRIES 8
#define MIN_SLAB_SHIFT 3
#define MAX_SLAB_SHIFT 30
#define MAX_SLOTS (1 << 24)

/* ---- geometry ------------------------------------------------------------ */

static bool
in_journal (const struct format_super *s, uint64_t place)
{
  return place >= le64toh (s->journal_start) &&
    place - le64toh (s->journal_start) < le64toh (s->journal_length);
}

static bool
at_start (const struct format_super *s, uint64_t place)
{
  return place == (uint64_t) FORMAT_SLOT_A >> s->block_shift ||
    place == (uint64_t) FORMAT_SLOT_B >> s->block_shift ||
    place == (uint64_t) FORMAT_OWNER >> s->block_shift;
}

static bool
journal_fits (const struct format_super *s)
{
  const uint64_t blocks = le64toh (s->blocks);
  const uint64_t start = le64toh (s->journal_start);
  const uint64_t length = le64toh (s->journal_length);

  return length >= FORMAT_MARKERS && length < blocks &&
    start < blocks && length <= blocks - start &&
    !in_journal (s, (uint64_t) FORMAT_SLOT_A >> s->block_shift) &&
    !in_journal (s, (uint64_t) FORMAT_SLOT_B >> s->block_shift) &&
    !in_journal (s, (uint64_t) FORMAT_OWNER >> s->block_shift);
}

static bool
twins_fit (const struct format_super *s)
{
  const uint64_t a = le64toh (s->twin_a), b = le64toh (s->twin_b);
  const uint64_t blocks = le64toh (s->blocks);

  return a < blocks && b < blocks && a != b &&
    !at_start (s, a) && !at_start (s, b) &&
    !in_journal (s, a) && !in_journal (s, b);
}

/* What makes further checks pointless, or NULL. */
static const char *
impossible (const struct format_super *s)
{
  const uint64_t blocks = le64toh (s->blocks);

  if (!format_super_valid (s))
    return "bad magic or checksum";
  if (le32toh (s->version) != FORMAT_VERSION)
    return "unknown version";
  if (le64toh (s->incompatible) & ~FORMAT_INCOMPATIBLE_KNOWN)
    return "unknown features";
  if (s->block_shift < FORMAT_MIN_BLOCK_SHIFT ||
      s->block_shift > FORMAT_MAX_BLOCK_SHIFT)
    return "impossible block size";
  if (s->slab_shift < MIN_SLAB_SHIFT || s->slab_shift > MAX_SLAB_SHIFT)
    return "impossible slab size";
  if (blocks < FORMAT_MIN_BLOCKS || blocks > FORMAT_MAX_BLOCKS)
    return "impossible number of blocks";
  if (blocks & ((UINT64_C (1) << s->slab_shift) - 1))
    return "its blocks are not a whole number of slabs";
  if (!journal_fits (s))
    return "the journal lies outside the pool or on something else";
  if (!twins_fit (s))
    return "a twin lies outside the pool or on something else";
  if (s->generation == 0)
    return "generation 0";
  return NULL;
}

/* What is wrong with it apart from that. */
static void
check_super (struct check *c)
{
  const struct format_super *s = c->super;
  const uint64_t have = vdev_size (c->backing) >> c->block_shift;
  const uint32_t slots = le32toh (s->slots);
  const uint32_t per_leaf = c->bs / FORMAT_RECORD_SIZE;

  if (have < c->blocks)
    check_error (c, "superblock: the pool has %" PRIu64 " blocks, the backing "
                 "ends after %" PRIu64, c->blocks, have);
  if (!base_is_zero (s->reserved0, sizeof s->reserved0) ||
      !base_is_zero (s->reserved1, sizeof s->reserved1))
    check_error (c, "superblock: reserved bytes are set");
  if (le64toh (s->journal_tail_block) > 0 &&
      le64toh (s->journal_tail_block) + FORMAT_MARKERS >=
      le64toh (s->journal_length))
    check_error (c, "superblock: the tail is not in the journal");
  if (le32toh (s->clean) > 1)
    check_error (c, "superblock: clean is neither 0 nor 1");
  if (slots == 0 || slots > MAX_SLOTS || slots % per_leaf != 0 ||
      slots / per_leaf > c->blocks)
    check_error (c, "superblock: the table cannot have %" PRIu32 " slots",
                 slots);
  if (s->next_id == 0)
    check_error (c, "superblock: the next id is 0");
}

/* ---- fixed blocks -------------------------------------------------------- */

/* One sector; false if it cannot be read, which is reported under NAME. */
static bool
read_sector (struct check *c, const char *name, uint64_t offset, void *buf)
{
  const int r = vdev_read (c->backing, buf, FORMAT_SUPER_SIZE, offset);

  if (r == -EIO || r == -EBADMSG || r == -ERANGE)
    check_error (c, "%s: cannot be read", name);
  else if (r < 0)
    c->stop = r;
  return r == 0;
}

static bool
sealed (const void *sector, const char *magic)
{
  uint32_t crc;

  memcpy (&crc, (const char *) sector + FORMAT_SUPER_SIZE - 4, 4);
  return memcmp (sector, magic, 8) == 0 &&
    base_crc32c (sector, FORMAT_SUPER_SIZE - 4) == le32toh (crc);
}

/* A sector that must be zero or valid, and may be written this moment.
 * False: zero, or bad, which is reported.
 */
static bool
read_sealed (struct check *c, const char *name, uint64_t offset,
             const char *magic, void *buf)
{
  unsigned i;

  for (i = 0; i < TRIES; i++) {
    if (!read_sector (c, name, offset, buf) ||
        base_is_zero (buf, FORMAT_SUPER_SIZE))
      return false;
    if (sealed (buf, magic))
      return true;
    base_thread_yield ();
  }
  check_error (c, "%s: neither empty nor valid", name);
  return false;
}

/* Returns the highest generation that a marker of this pool names. */
static uint64_t
check_markers (struct check *c)
{
  static const char *const names[FORMAT_MARKERS] = {
    "marker 0", "marker 1", "marker 2", "marker 3",
  };
  const struct format_super *s = c->super;
  uint64_t highest = 0, generation, place;
  struct format_marker m;
  unsigned i;

  for (i = 0; i < FORMAT_MARKERS && c->stop == 0; i++) {
    place = le64toh (s->journal_start) + i;
    if (!read_sealed (c, names[i], place << c->block_shift,
                      FORMAT_MARKER_MAGIC, &m))
      continue;
    if (memcmp (m.uuid, s->uuid, sizeof m.uuid) != 0) {
      check_error (c, "%s: belongs to another pool", names[i]);
      continue;
    }
    generation = le64toh (m.generation);
    if (generation % FORMAT_MARKERS != i)
      check_error (c, "%s: names generation %" PRIu64 ", which does not "
                   "belong there", names[i], generation);
    highest = BASE_MAX (highest, generation);
  }
  return highest;
}

static bool
copy_valid (const struct format_super *copy, unsigned parity)
{
  return format_super_valid (copy) && le64toh (copy->generation) % 2 == parity;
}

/* One copy; returns its generation, 0 if it is not valid. */
static uint64_t
check_copy (struct check *c, const char *name, uint64_t offset,
            unsigned parity)
{
  const uint64_t chosen = le64toh (c->super->generation);
  struct format_super copy;
  unsigned i;

  for (i = 0; i < TRIES; i++) {
    if (!read_sector (c, name, offset, &copy))
      return 0;
    if (copy_valid (&copy, parity))
      break;
    base_thread_yield ();
  }
  if (i == TRIES) {
    /* Only a pool that has never been opened has not written both. */
    if (!base_is_zero (&copy, sizeof copy) || chosen > 1)
      check_error (c, "%s: not a valid superblock", name);
    return 0;
  }
  if (memcmp (copy.uuid, c->super->uuid, sizeof copy.uuid) != 0) {
    check_error (c, "%s: belongs to another pool", name);
    return 0;
  }
  if (le64toh (copy.generation) == chosen &&
      memcmp (&copy, c->super, sizeof copy) != 0)
    check_error (c, "%s: differs from the other copy of generation %" PRIu64,
                 name, chosen);
  return le64toh (copy.generation);
}

static void
check_fixed (struct check *c)
{
  const struct format_super *s = c->super;
  const uint64_t marker = check_markers (c);
  const struct {
    const char *name;
    uint64_t offset;
    unsigned parity;
  } copies[] = {
    { "superblock slot A", FORMAT_SLOT_A, 1 },
    { "superblock slot B", FORMAT_SLOT_B, 0 },
    { "superblock twin A", le64toh (s->twin_a) << c->block_shift, 1 },
    { "superblock twin B", le64toh (s->twin_b) << c->block_shift, 0 },
  };
  uint8_t owner[FORMAT_SUPER_SIZE];
  uint64_t newest = 0, generation;
  size_t i;

  for (i = 0; i < BASE_ARRAY_SIZE (copies) && c->stop == 0; i++) {
    generation = check_copy (c, copies[i].name, copies[i].offset,
                             copies[i].parity);
    newest = BASE_MAX (newest, generation);
  }
  if (c->stop)
    return;
  if (newest < le64toh (s->generation))
    check_error (c, "superblock: no copy of generation %" PRIu64 " is left",
                 le64toh (s->generation));
  if (marker > newest)
    check_error (c, "superblock: generation %" PRIu64 " was durable once, the "
                 "newest left is %" PRIu64, marker, newest);
  read_sealed (c, "owner record", FORMAT_OWNER, FORMAT_OWNER_MAGIC, owner);
}

static void
reach_fixed (struct check *c)
{
  const struct format_super *s = c->super;
  uint64_t i;

  check_set_reached (c, (uint64_t) FORMAT_SLOT_A >> c->block_shift);
  check_set_reached (c, (uint64_t) FORMAT_SLOT_B >> c->block_shift);
  check_set_reached (c, (uint64_t) FORMAT_OWNER >> c->block_shift);
  check_set_reached (c, le64toh (s->twin_a));
  check_set_reached (c, le64toh (s->twin_b));
  for (i = 0; i < le64toh (s->journal_length) && c->stop == 0; i++)
    check_set_reached (c, le64toh (s->journal_start) + i);
}

/* ---- all of it ----------------------------------------------------------- */

#define CACHE_BYTES (4 << 20)
#define MIN_CACHE_SLOTS 64

static int
start (struct check *c)
{
  size_t slots = BASE_MAX (CACHE_BYTES >> c->block_shift, MIN_CACHE_SLOTS);
  unsigned i;

  while (slots > MIN_CACHE_SLOTS && slots / 2 >= c->blocks)
    slots /= 2;
  c->cache_slots = slots;
  c->cached = base_calloc (slots, sizeof *c->cached);
  c->cache_blocks = base_malloc (slots * c->bs);
  for (i = 0; i < FORMAT_MAX_LEVELS; i++) {
    c->node[i] = base_malloc (c->bs);
    if (c->node[i] == NULL)
      return base_fail (ENOMEM, "check: out of memory");
  }
  if (c->options->data)
    c->data = base_malloc (CHECK_DATA_BYTES);
  if (c->cached == NULL || c->cache_blocks == NULL ||
      (c->options->data && c->data == NULL))
    return base_fail (ENOMEM, "check: out of memory");
  return check_reach_start (c);
}

static void
end (struct check *c)
{
  unsigned i;

  check_reach_end (c);
  for (i = 0; i < FORMAT_MAX_LEVELS; i++)
    free (c->node[i]);
  free (c->cached);
  free (c->cache_blocks);
  free (c->data);
}

static void
run (struct check *c)
{
  struct check_records *records;

  c->stop = start (c);
  if (c->stop)
    return;
  check_super (c);
  check_fixed (c);
  if (c->stop)
    return;
  reach_fixed (c);
  c->stop = c->stop ? c->stop : check_records_new (c, &records);
  if (c->stop)
    return;
  check_pool_trees (c, check_records_leaf, records);
  if (c->stop == 0)
    check_records_all (c, records);
  if (c->stop == 0)
    check_compare (c);
  check_records_free (records);
}

int
check_image (struct vdev *backing, const struct format_super *super,
             const struct pool_check_options *options,
             struct pool_check_result *result)
{
  static const struct pool_check_options no_options;
  struct check c = {
    .backing = backing,
    .super = super,
    .options = options ? options : &no_options,
    .result = result,
    .blocks = le64toh (super->blocks),
    .epoch = le32toh (super->epoch),
  };
  const char *why = impossible (super);

  memset (result, 0, sizeof *result);
  if (why) {
    check_error (&c, "superblock: %s", why);
    return 0;
  }
  c.block_shift = super->block_shift;
  c.fan_shift = c.block_shift - 4;
  c.bs = (size_t) 1 << c.block_shift;
  c.fan = (size_t) 1 << c.fan_shift;
  run (&c);
  end (&c);
  return c.stop;
}
