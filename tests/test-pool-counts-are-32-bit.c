/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A reference count does not wrap where a narrower number would.  In a pool
 * built by hand the root of a map is said to be shared 255, 65535, and nearly
 * 2^32 times; one more snapshot must make it one more, and the removal of one
 * must make it one less.  When no number is left for another reference the
 * snapshot is not taken as if there were.
 */

#include <config.h>

#include "devices.h"
#include "pool.h"
#include "pool-bend.h"
#include "test.h"

static struct vdev *disk;

static void
load_super (struct pi *p)
{
  static const uint64_t where[] = { FORMAT_SLOT_A, FORMAT_SLOT_B };
  struct format_super s;
  unsigned i;

  for (i = 0; i < 2; i++) {
    memcpy (&s, p->image + where[i], sizeof s);
    CHECK (format_super_valid (&s));
    if (i == 0 || le64toh (s.generation) > le64toh (p->super.generation))
      p->super = s;
  }
}

/* What is on disk now: references of PLACE beyond the first. */
static uint32_t
count (struct pi *p, uint64_t place)
{
  CHECK (vdev_read (disk, p->image, vdev_size (disk), 0) == 0);
  load_super (p);
  return le32toh (*bend_refs (p, place));
}

static void
one (uint32_t n)
{
  struct pi *p = pi_new (NULL);
  const unsigned v = pi_volume (p, "v", 8 << 12);
  const size_t size = p->o.blocks * p->bs;
  uint64_t root;
  struct pool *pool;
  int r;

  pi_put (p, v, 1, 77);
  pi_snapshot (p, v, "old");
  pi_finish (p);
  root = format_place (&bend_record (p, v)->root.entry);
  CHECK_EQ_INT (le32toh (*bend_refs (p, root)), 1);
  *bend_refs (p, root) = htole32 (n);
  pool_fix (p->image, size, &p->super);

  CHECK (devices_mem_open (size, &disk) == 0);
  CHECK (vdev_write (disk, p->image, size, 0, 0) == 0);
  CHECK (pool_open (vdev_ref (disk), NULL, &pool) == 0);
  r = pool_snapshot (pool, &(const char *) { "v@new" }, 1, 0);
  if (n == UINT32_MAX) {
    CHECK (r < 0);
    pool_abandon (pool);
    CHECK_EQ_INT (count (p, root), n);
  }
  else {
    CHECK_EQ_INT (r, 0);
    CHECK_EQ_INT (count (p, root), n + 1);
    CHECK_EQ_INT (pool_remove (pool, "v@old", 0), 0);
    CHECK_EQ_INT (pool_reclaim (pool), 0);
    CHECK_EQ_INT (count (p, root), n);
    CHECK (pool_close (pool) == 0);
  }
  vdev_unref (disk);
  pi_free (p);
}

TEST_MAIN
{
  printf ("directed: the same on every run, as if by SEED=0\n");
  one (1);
  one (255);
  one (65535);
  one (UINT32_MAX - 1);
  one (UINT32_MAX);
}
