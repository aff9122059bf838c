/* SPDX-License-Identifier: BSD-3-Clause
 *
 * make: a new pool.
 *
 * Making a pool is opening nothing: the geometry is chosen, the fixed blocks
 * are marked and backed, the slabs that the reserve needs are backed, and
 * two commits of an empty state fill both slots and twins.  What stands on
 * the backing before is looked at first, and a pool is never overwritten: a
 * file is empty if all that is allocated in it reads zero, a device (which
 * knows no holes, and may be large) if its first and last MiB do, where
 * partition tables, file systems and volume managers have their marks.
 */

#include <config.h>

#include <stdlib.h>

#include "pool-internal.h"

#define LOOK (UINT64_C (1) << 20)       /* bytes read at once */
#define WINDOW (UINT64_C (1) << 30)     /* bytes whose extents are asked for */

/* 0 if [OFF, OFF + LEN) reads zero, 1 if not, -errno. */
static int
look_for_data (struct vdev *backing, char *buf, uint64_t len, uint64_t off)
{
  int r;

  for (; len > 0; off += BASE_MIN (len, LOOK), len -= BASE_MIN (len, LOOK)) {
    r = vdev_read (backing, buf, BASE_MIN (len, LOOK), off);
    if (r < 0)
      return r;
    if (!base_is_zero (buf, BASE_MIN (len, LOOK)))
      return 1;
  }
  return 0;
}

static int
note_extent (void *opaque, uint64_t offset, uint64_t length, uint32_t type)
{
  if (type & VDEV_ZEROES)
    return 0;
  return extent_vector_append (opaque, (struct extent) { offset, length });
}

/* The same for all that is allocated. */
static int
look_at_extents (struct vdev *backing, char *buf)
{
  const uint64_t size = vdev_size (backing);
  struct extent_vector found = { NULL, 0, 0 };
  uint64_t off;
  size_t i;
  int r = 0;

  for (off = 0; off < size && r == 0; off += WINDOW) {
    found.len = 0;
    r = vdev_extents (backing, BASE_MIN (WINDOW, size - off), off, 0,
                      note_extent, &found);
    for (i = 0; i < found.len && r == 0; ++i)
      r = look_for_data (backing, buf, found.ptr[i].count, found.ptr[i].place);
  }
  extent_vector_reset (&found);
  return r;
}

int
pool_probe (struct vdev *backing, enum pool_probe_result *result)
{
  const uint64_t size = vdev_size (backing);
  CLEANUP_FREE char *buf = base_malloc (LOOK);
  struct format_super s;
  unsigned bad;
  int r;

  if (buf == NULL)
    return base_fail (ENOMEM, "out of memory");
  r = super_find (backing, &s, &bad);
  if (r == 0 || s.magic[0]) {
    *result = POOL_PROBE_POOL;
    return 0;
  }
  r = look_for_data (backing, buf, BASE_MIN (size, LOOK), 0);
  if (r == 0 && size > LOOK)
    r = look_for_data (backing, buf, LOOK, size - LOOK);
  if (r == 0 && vdev_has (backing, VDEV_EXTENTS))
    r = look_at_extents (backing, buf);
  if (r < 0)
    return r;
  *result = r == 0 ? POOL_PROBE_EMPTY : POOL_PROBE_FOREIGN;
  return 0;
}

/* The superblock of a pool that is yet to be made. */
static int
new_super (const struct pool_format_options *o, uint64_t capacity,
           struct format_super *s)
{
  const uint32_t bs = o->block_size ? o->block_size : 4096;
  uint64_t blocks, journal, start;
  unsigned shift, slab_shift;

  if (!base_is_power_of_2 (bs) || bs < 4096 || bs > 65536)
    return base_fail (EINVAL, "block size %" PRIu32 ": must be a power of "
                      "two, 4K to 64K", bs);
  shift = base_log2 (bs);
  blocks = capacity >> shift;
  slab_shift = format_default_slab_shift (blocks, shift);
  if (o->slab_size) {
    if (!base_is_power_of_2 (o->slab_size) || o->slab_size < 8 * bs)
      return base_fail (EINVAL, "slab size %" PRIu32 ": must be a power of "
                        "two, at least 8 blocks", o->slab_size);
    slab_shift = base_log2 (o->slab_size / bs);
  }
  blocks = blocks >> slab_shift << slab_shift;
  if (blocks < FORMAT_MIN_BLOCKS || blocks > FORMAT_MAX_BLOCKS)
    return base_fail (EINVAL, "capacity %" PRIu64 ": must be %" PRIu64
                      " bytes or more, at most 2^40 blocks", capacity,
                      (uint64_t) FORMAT_MIN_BLOCKS << shift);
  journal = o->journal_size ? o->journal_size / bs
    : format_default_journal (blocks, shift);
  start = (FORMAT_OWNER >> shift) + 1;
  if (journal < FORMAT_MARKERS || journal > blocks / 4
      || journal > blocks - 2 - start)
    return base_fail (EINVAL, "journal size: must be %d blocks to a quarter "
                      "of the pool", FORMAT_MARKERS);

  memset (s, 0, sizeof *s);
  s->version = htole32 (FORMAT_VERSION);
  s->block_shift = (uint8_t) shift;
  s->slab_shift = (uint8_t) slab_shift;
  base_uuid_generate (s->uuid);
  s->blocks = htole64 (blocks);
  s->twin_a = htole64 (blocks - 2);
  s->twin_b = htole64 (blocks - 1);
  s->journal_start = htole64 (start);
  s->journal_length = htole64 (journal);
  s->next_id = htole64 (1);
  s->created = (int64_t) htole64 ((uint64_t) base_wall_seconds ());
  s->epoch = htole32 (1);
  s->slots = htole32 (bs / FORMAT_RECORD_SIZE);
  return 0;
}

/* Fixed blocks are allocated, and those that are written are backed. */
static int
format_fixed (struct pool *p)
{
  const struct format_super *s = &p->super;
  const uint64_t start = le64toh (s->journal_start);
  const uint64_t written[] = {
    FORMAT_SLOT_A >> p->block_shift, FORMAT_SLOT_B >> p->block_shift,
    FORMAT_OWNER >> p->block_shift,
    le64toh (s->twin_a), le64toh (s->twin_b),
    start, start + 1, start + 2, start + 3,
  };
  uint64_t i;
  int r;

  for (i = 0; i < BASE_ARRAY_SIZE (written); ++i) {
    r = vdev_zero (p->backing, p->block_size, written[i] * p->block_size,
                   VDEV_ALLOCATE);
    if (r < 0)
      return r;
    if (!bit_get (p->durable_bits, written[i])) {
      r = cut_allocated (p, written[i]);
      if (r < 0)
        return r;
    }
  }
  for (i = start; i < start + le64toh (s->journal_length); ++i)
    if (!bit_get (p->durable_bits, i)) {
      r = cut_allocated (p, i);
      if (r < 0)
        return r;
    }
  return 0;
}

static int
format_commit (struct pool *p)
{
  int r;

  r = commit_hold (p);
  if (r < 0)
    return r;
  r = commit_run (p, NULL, false);
  if (r == 0)
    r = commit_run (p, NULL, false);
  commit_release (p);
  return r;
}

static int
check_backing_empty (struct vdev *backing, bool force)
{
  enum pool_probe_result found;
  int r;

  r = pool_probe (backing, &found);
  if (r < 0)
    return r;
  if (found == POOL_PROBE_POOL)
    return base_fail (EEXIST, "is a pool already");
  if (found == POOL_PROBE_FOREIGN && !force)
    return base_fail (EEXIST, "is neither empty nor a pool; --force "
                      "overwrites it");
  return 0;
}

int
pool_format (struct vdev *backing, const struct pool_format_options *options)
{
  const uint64_t capacity = options->capacity ? options->capacity
    : vdev_size (backing);
  struct pool *p;
  int r;

  r = check_backing_empty (backing, options->force);
  if (r < 0)
    return r;
  p = pool_alloc (NULL);
  if (p == NULL)
    return base_fail (ENOMEM, "out of memory");
  r = new_super (options, capacity, &p->super);
  if (r == 0 && vdev_size (backing) < capacity)
    r = vdev_resize (backing, capacity);
  if (r == 0 && options->force)
    r = vdev_trim (backing, vdev_size (backing), 0, 0);
  p->backing = backing;
  p->open_gen = 1;
  base_random_bytes (&p->nonce, sizeof p->nonce);
  p->super.nonce = p->nonce;
  if (r == 0)
    r = pool_set_up (p);
  if (r == 0)
    r = format_fixed (p);
  if (r == 0)
    r = journal_back_ring (p);
  if (r == 0)
    r = backing_reserve (p);
  if (r == 0)
    systree_mark (&p->table_tree, 0);
  if (r == 0)
    r = format_commit (p);
  if (r == 0)
    r = pool_close_clean (p);
  pool_free (p);
  return r;
}

uint64_t
pool_capacity_for (uint64_t size, uint32_t block_size)
{
  const uint64_t bs = block_size ? block_size : 4096;
  const uint64_t data = base_div_up (size, bs);
  const unsigned shift = base_log2 (bs);
  uint64_t need, blocks;

  /* Map nodes, then the reserve: 1/64 dirty nodes and 2/64 recycle floor up
   * to their limits, 0.3 % for counts and bitmaps, journal, a few slabs.
   */
  need = data + data / (bs / 16 - 1) + 16;
  blocks = need + BASE_MIN (need / 20 + 64, 4096 + 2 * ((32U << 20) / bs))
    + need / 200;
  blocks += format_default_journal (blocks + blocks / 50, shift)
    + 2 * ((UINT64_C (4) << 20) / bs);
  blocks += blocks / 500;
  if (blocks < (UINT64_C (64) << 20) / bs)
    blocks = BASE_MAX (blocks + blocks / 8, 256);
  return base_div_up (blocks * bs, UINT64_C (4) << 20) << 22;
}
