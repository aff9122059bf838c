/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What verbs do to the connections of their volume.  A rename leaves them
 * alone; growth shows at the next one; rm, rollback and shrink are refused
 * and name them; force ends them first, each of them, with ESHUTDOWN, before
 * anything of the volume is gone.
 */

#include <config.h>

#include "devices.h"
#include "pool.h"
#include "test.h"

#define B 4096U
#define BLOCKS 32

static struct pool *p;
static struct vdev *a, *b;      /* two connections of v */

static void
put (struct vdev *d, uint64_t block, uint8_t byte, int want)
{
  uint8_t buf[B];

  memset (buf, byte, B);
  CHECK_EQ_INT (vdev_write (d, buf, B, block * B, 0), want);
}

static void
check_block (struct vdev *d, uint64_t block, uint8_t byte)
{
  uint8_t buf[B], want[B];

  memset (want, byte, B);
  CHECK_EQ_INT (vdev_read (d, buf, B, block * B), 0);
  CHECK_EQ_MEM (buf, want, B);
}

static void
connect_both (const char *name)
{
  CHECK (pool_volume_open (p, name, false, "client-a", &a) == 0);
  CHECK (pool_volume_open (p, name, false, "client-b", &b) == 0);
}

static void
disconnect_both (void)
{
  vdev_unref (a);
  vdev_unref (b);
}

static void
renamed (void)
{
  struct vdev *c;

  connect_both ("v");
  put (a, 1, 11, 0);
  CHECK_EQ_INT (pool_rename (p, "v", "w"), 0);
  check_block (b, 1, 11);
  put (a, 2, 12, 0);
  CHECK_EQ_INT (vdev_flush (b), 0);
  CHECK_EQ_INT (vdev_trim (b, B, 1 * B, 0), 0);
  CHECK (pool_volume_open (p, "w", false, NULL, &c) == 0);
  check_block (c, 1, 0);
  check_block (c, 2, 12);
  vdev_unref (c);
  CHECK_EQ_INT (pool_rename (p, "w", "v"), 0);
  check_block (a, 2, 12);
  disconnect_both ();
}

static void
grown (void)
{
  const uint64_t size = BLOCKS * B;
  struct vdev *c;

  connect_both ("v");
  CHECK_EQ_INT (pool_resize (p, "v", 2 * size, 0), 0);
  CHECK_EQ_INT (vdev_size (a), size);
  CHECK_EQ_INT (vdev_size (b), size);
  put (a, BLOCKS, 1, -ERANGE);
  CHECK (pool_volume_open (p, "v", false, NULL, &c) == 0);
  CHECK_EQ_INT (vdev_size (c), 2 * size);
  put (c, BLOCKS, 13, 0);
  check_block (c, BLOCKS, 13);
  put (b, 3, 14, 0);
  check_block (c, 3, 14);
  vdev_unref (c);
  disconnect_both ();
}

static void
refused (int r)
{
  CHECK_EQ_INT (r, -EBUSY);
  CHECK (strstr (base_error_text (), "client-a"));
  CHECK (strstr (base_error_text (), "client-b"));
}

static void
ended (struct vdev *d)
{
  uint8_t buf[B];

  CHECK_EQ_INT (vdev_read (d, buf, B, 0), -ESHUTDOWN);
  put (d, 0, 1, -ESHUTDOWN);
  CHECK_EQ_INT (vdev_trim (d, B, 0, 0), -ESHUTDOWN);
  CHECK_EQ_INT (vdev_flush (d), -ESHUTDOWN);
}

static void
forced (void)
{
  /* One is enough. */
  CHECK (pool_volume_open (p, "v", true, NULL, &a) == 0);
  CHECK_EQ_INT (pool_remove (p, "v", 0), -EBUSY);
  vdev_unref (a);

  connect_both ("v");
  put (a, 5, 15, 0);
  CHECK_EQ_INT (pool_snapshot (p, &(const char *) { "v@s" }, 1, 0), 0);
  put (a, 5, 16, 0);
  refused (pool_rollback (p, "v@s", 0));
  refused (pool_resize (p, "v", B, POOL_SHRINK));
  refused (pool_remove (p, "v", POOL_RECURSIVE));
  check_block (b, 5, 16);
  put (b, 6, 17, 0);
  CHECK_EQ_INT (pool_rollback (p, "v@s", POOL_FORCE), 0);
  ended (a);
  ended (b);
  disconnect_both ();

  connect_both ("v");
  check_block (a, 5, 15);
  CHECK_EQ_INT (pool_resize (p, "v", 7 * B, POOL_SHRINK | POOL_FORCE), 0);
  ended (a);
  ended (b);
  disconnect_both ();

  connect_both ("v");
  check_block (b, 5, 15);
  CHECK_EQ_INT (pool_remove (p, "v", POOL_RECURSIVE | POOL_FORCE), 0);
  ended (a);
  ended (b);
  disconnect_both ();
}

TEST_MAIN
{
  struct pool_check_result r;
  struct vdev *backing;

  printf ("directed: the same on every run, as if by SEED=0\n");
  CHECK (devices_mem_open (8 << 20, &backing) == 0);
  CHECK (pool_format (backing, &(struct pool_format_options) { 0 }) == 0);
  CHECK (pool_open (backing, NULL, &p) == 0);
  CHECK (pool_create (p, "v", BLOCKS * B, 0) == 0);
  renamed ();
  grown ();
  forced ();
  CHECK_EQ_INT (pool_reclaim (p), 0);
  CHECK (pool_check (p, NULL, &r) == 0 && r.errors == 0 && r.leaks == 0);
  CHECK (pool_close (p) == 0);
}
