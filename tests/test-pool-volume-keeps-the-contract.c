/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A volume of a pool keeps the contract of vdev.h as every device does
 * (lib/vdev-conformance.c): of a pool in memory, of one with blocks of
 * 64 KiB, of one in a file past the page cache, and a volume that has a
 * snapshot.
 */

#include <config.h>

#include <fcntl.h>
#include <unistd.h>

#include "devices.h"
#include "pool.h"
#include "test.h"
#include "vdev-conformance.h"

struct kind {
  uint32_t block_size;
  bool snapshot, direct;
  struct pool *pool;            /* of the volume that was made last */
};

static void
close_last (struct kind *k)
{
  if (k->pool)
    CHECK_EQ_INT (pool_close (k->pool), 0);
  k->pool = NULL;
}

static struct vdev *
open_volume (struct kind *k, bool readonly)
{
  struct vdev *d;

  CHECK_EQ_INT (pool_volume_open (k->pool, "v", readonly, NULL, &d), 0);
  return d;
}

static struct vdev *
make (void *opaque, uint64_t size)
{
  struct kind *k = opaque;
  struct pool_format_options o = {
    .block_size = k->block_size,
    .capacity = 4 * size + (UINT64_C (16) << 20),
  };
  const char *names[] = { "v@s" };
  struct vdev *d;

  close_last (k);
  if (k->direct) {
    char path[4200];

    snprintf (path, sizeof path, "%s/pool", test_tmpdir ());
    unlink (path);
    CHECK_EQ_INT (devices_file_open (path, VDEV_OPEN_CREATE | VDEV_OPEN_DIRECT,
                                     &d), 0);
  }
  else
    CHECK_EQ_INT (devices_mem_open (o.capacity, &d), 0);
  CHECK_EQ_INT (pool_format (d, &o), 0);
  CHECK_EQ_INT (pool_open (d, NULL, &k->pool), 0);
  CHECK_EQ_INT (pool_create (k->pool, "v", size, 0), 0);
  d = open_volume (k, false);
  if (k->snapshot) {
    uint8_t *buf = calloc (1, 65536);

    CHECK (buf != NULL);
    memset (buf, 7, 65536);
    CHECK_EQ_INT (vdev_write (d, buf, 65536, 0, 0), 0);
    CHECK_EQ_INT (pool_snapshot (k->pool, names, 1, 0), 0);
    CHECK_EQ_INT (vdev_trim (d, 65536, 0, 0), 0);
    free (buf);
  }
  return d;
}

static struct vdev *
reopen (void *opaque)
{
  return open_volume (opaque, true);
}

static void
run (const char *name, uint32_t block_size, bool snapshot, bool direct)
{
  struct kind k = { block_size, snapshot, direct, NULL };
  const struct vdev_conformance c = {
    .name = name, .make = make, .reopen = reopen, .opaque = &k,
    .size = UINT64_C (40) << 20, .ops = 5000,
  };

  vdev_conformance (&c);
  close_last (&k);
}

static bool
can_direct (void)
{
  char path[4200];
  int fd;

  snprintf (path, sizeof path, "%s/direct", test_tmpdir ());
  fd = open (path, O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);
  if (fd >= 0)
    close (fd);
  return fd >= 0;
}

TEST_MAIN
{
  run ("pool", 0, false, false);
  run ("pool, blocks of 64 KiB", 65536, false, false);
  run ("pool, volume with a snapshot", 0, true, false);
  if (can_direct ())
    run ("pool, O_DIRECT", 0, false, true);
}
