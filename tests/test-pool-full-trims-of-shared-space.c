/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What makes a pool emptier succeeds on a full one, also where it first
 * costs something: right after a snapshot of a volume whose blocks are
 * scattered one to a leaf, every write would have to copy its path; there
 * trims of single blocks, of 4 GiB of shared space, deletes and removals
 * must all go through.  The same when it is the host's file system that is
 * full, so that no slab can be backed any more.
 */

#include <config.h>

#include "devices-test.h"
#include "pool.h"
#include "test.h"

#define VOLUME (16ULL << 30)
#define SPREAD (1ULL << 20)     /* one leaf maps 1 MiB */
#define BLOCK 4096

static uint8_t buf[BLOCK], other[BLOCK];
static struct pool *p;

static struct vdev *
volume (const char *name)
{
  struct vdev *d;

  CHECK (pool_volume_open (p, name, false, NULL, &d) == 0);
  return d;
}

static void
check_clean (void)
{
  struct pool_check_options o = { .data = true };
  struct pool_check_result r;

  CHECK (pool_check (p, &o, &r) == 0);
  CHECK (r.errors == 0 && r.leaks == 0);
}

/* One block per leaf until nothing fits; returns how many. */
static uint64_t
scatter (struct vdev *d, uint64_t first)
{
  uint64_t n;
  int r = 0;

  for (n = first; r == 0; n++) {
    CHECK (n * SPREAD < VOLUME);
    memset (buf, (int) (n % 251) + 1, BLOCK);
    r = vdev_write (d, buf, BLOCK, n * SPREAD, 0);
    CHECK (r == 0 || r == -ENOSPC);
  }
  return n - 1;
}

static void
check_block (const char *name, uint64_t n, bool there)
{
  struct vdev *d = volume (name);

  memset (buf, there ? (int) (n % 251) + 1 : 0, BLOCK);
  CHECK (vdev_read (d, other, BLOCK, n * SPREAD) == 0);
  CHECK_EQ_MEM (other, buf, BLOCK);
  vdev_unref (d);
}

static void
empty_it (bool whole)
{
  const char *snap = "v@s";
  struct vdev *d = volume ("v");
  uint64_t n, i;
  int r;

  n = scatter (d, 0);
  CHECK (n > 100);
  /* A snapshot sets aside what copies of all nodes may take: it may be
   * refused.  Make room, as little as it takes.
   */
  for (i = n; (r = pool_snapshot (p, &snap, 1, 0)) == -ENOSPC; i--) {
    CHECK (i > n / 4);
    CHECK_EQ_INT (vdev_trim (d, BLOCK, (i - 1) * SPREAD, 0), 0);
  }
  CHECK_EQ_INT (r, 0);
  n = i;
  printf ("%d blocks, each in a leaf of its own, are shared\n", (int) n);

  for (i = 0; i < n; i += 3)
    CHECK_EQ_INT (vdev_trim (d, BLOCK, i * SPREAD, 0), 0);
  for (i = 0; i < n; i++) {
    check_block ("v", i, i % 3 != 0);
    check_block ("v@s", i, true);
  }
  CHECK_EQ_INT (vdev_trim (d, 4ULL << 30, 0, 0), 0);
  CHECK_EQ_INT (vdev_zero (d, VOLUME - (4ULL << 30), 4ULL << 30,
                           VDEV_MAY_TRIM | VDEV_FAST), 0);
  for (i = 0; i < n; i++) {
    check_block ("v", i, false);
    check_block ("v@s", i, true);
  }
  check_clean ();
  vdev_unref (d);
  CHECK_EQ_INT (pool_remove (p, "v@s", 0), 0);
  CHECK_EQ_INT (pool_reclaim (p), 0);
  check_clean ();
  d = volume ("v");
  /* What was punched may not come back from a full host. */
  CHECK (scatter (d, 0) >= n || !whole);
  CHECK_EQ_INT (vdev_trim (d, VOLUME, 0, 0), 0);
  vdev_unref (d);
  check_clean ();
}

TEST_MAIN
{
  struct pool_format_options o = { .capacity = 32 << 20,
                                   .slab_size = 256 << 10 };
  struct faulty_rule no_room = {
    .op = FAULTY_ZERO, .action = FAULTY_FAIL, .nth = 1, .sticky = true,
    .error = ENOSPC };
  struct vdev *mem, *backing;

  /* The pool itself is full. */
  CHECK (devices_mem_open (32 << 20, &backing) == 0);
  CHECK (pool_format (backing, &o) == 0);
  CHECK (pool_open (backing, NULL, &p) == 0);
  CHECK (pool_create (p, "v", VOLUME, 0) == 0);
  empty_it (true);
  CHECK (pool_close (p) == 0);

  /* The file system below is, in the middle of the pool. */
  CHECK (devices_mem_open (32 << 20, &mem) == 0);
  CHECK (pool_format (mem, &o) == 0);
  CHECK (faulty_open (mem, &backing) == 0);
  CHECK (pool_open (vdev_ref (backing), NULL, &p) == 0);
  CHECK (pool_create (p, "v", VOLUME, 0) == 0);
  no_room.nth = 24;
  CHECK (faulty_add (backing, &no_room) == 0);
  empty_it (false);
  CHECK (faulty_applied (backing) > 0);
  CHECK (pool_close (p) == 0);
  vdev_unref (backing);
}
