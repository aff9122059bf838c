/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The pool, as the crash and model harness sees it.
 *
 * Aging and damaging know the format.  Damage is of what repair can make
 * again from the rest: nodes of the trees of space, counts and slabs, and one
 * of two good copies of a superblock.
 */

#include <config.h>

#include "crash-engine.h"
#include "pool-internal.h"


#define COPIES 4

/* ---- superblocks ------------------------------------------------------- */

static int
read_super (struct vdev *d, uint64_t offset, struct format_super *s)
{
  int r = vdev_read (d, s, sizeof *s, offset);

  return r < 0 ? r : format_super_valid (s) ? 0 : -EBADMSG;
}

/* Where the copies are: slot A and its twin, slot B and its twin. */
static int
find_copies (struct vdev *d, uint64_t offset[COPIES])
{
  struct format_super s;
  uint64_t block;

  if (read_super (d, FORMAT_SLOT_A, &s) < 0 &&
      read_super (d, FORMAT_SLOT_B, &s) < 0)
    return -EBADMSG;
  block = UINT64_C (1) << s.block_shift;
  offset[0] = FORMAT_SLOT_A;
  offset[1] = le64toh (s.twin_a) * block;
  offset[2] = FORMAT_SLOT_B;
  offset[3] = le64toh (s.twin_b) * block;
  return 0;
}

static bool
pool_is_super (struct vdev *d, uint64_t offset)
{
  uint64_t copy[COPIES];
  unsigned i;

  for (i = 0; find_copies (d, copy) == 0 && i < COPIES; i++)
    if (copy[i] == offset)
      return true;
  return false;
}

/* ---- aging ------------------------------------------------------------- */

static int
pool_age (struct vdev *d, bool closed)
{
  struct format_super s;
  uint64_t copy[COPIES];
  unsigned i;
  int r = find_copies (d, copy);

  for (i = 0; i < COPIES && r == 0; i++) {
    if (read_super (d, copy[i], &s) < 0)
      continue;
    s.compatible = 0;
    s.incompatible = 0;
    s.journal_tail_seq = s.journal_tail_block = 0;
    s.journal_chain = 0;
    if (!closed)
      s.clean = 0;
    format_super_seal (&s);
    r = vdev_write (d, &s, sizeof s, copy[i], 0);
  }
  return r;
}

/* ---- damage ------------------------------------------------------------ */

static int
flip (struct vdev *d, uint64_t offset)
{
  uint8_t byte;
  int r = vdev_read (d, &byte, 1, offset);

  byte ^= 0x10;
  return r < 0 ? r : vdev_write (d, &byte, 1, offset, 0);
}

static int
damage_root (struct vdev *d, const struct format_super *s,
             const struct format_root *root, struct base_rng *rng)
{
  uint64_t place = format_place (&root->entry);

  if (place == 0)
    return 1;
  return flip (d, (place << s->block_shift)
               + base_rng_below (rng, UINT64_C (1) << s->block_shift));
}

static int
pool_damage (struct vdev *d, struct base_rng *rng)
{
  struct format_super a, b, s;
  uint64_t copy[COPIES];
  unsigned i, newest = 0;
  int r = find_copies (d, copy);

  if (r < 0)
    return 1;
  /* The newest, and only if both of its copies are good. */
  for (i = 0, s.generation = 0; i < COPIES; i += 2)
    if (read_super (d, copy[i], &a) == 0 &&
        read_super (d, copy[i + 1], &b) == 0 &&
        a.generation == b.generation &&
        le64toh (a.generation) > le64toh (s.generation)) {
      s = a;
      newest = i;
    }
  for (i = 0; i < COPIES; i++)
    if (read_super (d, copy[i], &a) == 0 &&
        le64toh (a.generation) > le64toh (s.generation))
      return 1;
  switch (base_rng_below (rng, 5)) {
  case 0: return damage_root (d, &s, &s.space, rng);
  case 1: return damage_root (d, &s, &s.refs, rng);
  case 2: return damage_root (d, &s, &s.backed, rng);
  case 3: return flip (d, copy[newest + base_rng_below (rng, 2)]
                       + base_rng_below (rng, sizeof s));
  default: return 1;
  }
}


/* As pool_get_info says it, which looks at much more and is asked after each
 * step of the model tests.
 */
static bool
pool_is_full (struct pool *p)
{
  LOCK_FOR_SCOPE (&p->space.lock);

  return p->space.full || space_available_locked (p) <= 0;
}

const struct crash_engine crash_pool_engine = {
  .name = "pool",
  .kinds = (1 << CRASH_KINDS) - 1,
  .journal = true,
  .tells_holes = true,
  .format = pool_format,
  .open = pool_open,
  .work = pool_work,
  .close = pool_close,
  .abandon = pool_abandon,
  .volume_open = pool_volume_open,
  .create = pool_create,
  .snapshot = pool_snapshot,
  .clone = pool_clone,
  .rollback = pool_rollback,
  .resize = pool_resize,
  .rename = pool_rename,
  .remove = pool_remove,
  .grow = pool_grow,
  .flush = pool_flush,
  .checkpoint = pool_checkpoint,
  .reclaim = pool_reclaim,
  .import_begin = pool_import_begin,
  .import_vdev = pool_import_vdev,
  .import_commit = pool_import_commit,
  .import_drop = pool_import_drop,
  .list = pool_list,
  .check = pool_check,
  .full = pool_is_full,
  .scrub = pool_scrub,
  .age = pool_age,
  .damage = pool_damage,
  .repair = pool_repair,
  .is_super = pool_is_super,
};
