/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A removal whose commit fails has removed nothing that can be seen: the
 * volume and its snapshots keep their names and can be read, while the pool
 * is poisoned and after it was opened again.
 */

#include <config.h>

#include "crash-image.h"
#include "pool.h"
#include "test.h"

#define B 4096U
#define BLOCKS 64

static void
look (struct pool *p, const char *name)
{
  uint8_t buf[B], want[B];
  struct vdev *d;

  memset (want, 0x5a, sizeof want);
  CHECK_MSG (pool_volume_open (p, name, true, NULL, &d) == 0, "%s",
             base_error_text ());
  CHECK (vdev_read (d, buf, B, 0) == 0);
  CHECK (memcmp (buf, want, B) == 0);
  vdev_unref (d);
}

static void
fail_at (unsigned nth)
{
  struct image *image = image_new (BLOCKS * B);
  struct vdev *disk = image_vdev (image), *d;
  const char *names[] = { "v@s" };
  struct pool_format_options o = { .block_size = 0 };
  uint8_t buf[B];
  struct pool *p;

  CHECK (pool_format (disk, &o) == 0);
  CHECK (pool_open (vdev_ref (disk), NULL, &p) == 0);
  CHECK (pool_create (p, "v", 4 * B, 0) == 0);
  CHECK (pool_volume_open (p, "v", false, NULL, &d) == 0);
  memset (buf, 0x5a, sizeof buf);
  CHECK (vdev_write (d, buf, B, 0, 0) == 0);
  vdev_unref (d);
  CHECK (pool_snapshot (p, names, 1, 0) == 0);

  image_vdev_fail_flush (disk, nth);
  CHECK (pool_remove (p, "v", POOL_RECURSIVE) == -EIO);
  look (p, "v");
  look (p, "v@s");
  CHECK (pool_remove (p, "v@s", 0) == -EIO);
  look (p, "v@s");
  pool_abandon (p);

  /* All that was written has landed here: the removal may have taken place
   * or not, as a whole.
   */
  image_vdev_switch (disk, image);
  CHECK (pool_open (vdev_ref (disk), NULL, &p) == 0);
  if (nth == 1) {
    look (p, "v");
    look (p, "v@s");
  }
  CHECK (pool_close (p) == 0);
  vdev_unref (disk);
  image_free (image);
}

TEST_MAIN
{
  fail_at (1);
  fail_at (2);
}
