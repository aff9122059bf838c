/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What was flushed and then left alone, without a close, is there again: in a
 * pool that is opened for writing, and in one that is opened for reading,
 * which writes nothing.
 */

#include <config.h>

#include "counted-pool.h"
#include "devices-test.h"
#include "test.h"

#define B COUNTED_BLOCK

static uint64_t replayed;

static void
opened (void *opaque BASE_UNUSED, const struct pool_event *e)
{
  const char *s = strstr (e->text, "recovered ");

  if (e->kind == POOL_EVENT_OPENED)
    replayed = s ? strtoull (s + 10, NULL, 10) : 0;
}

static void
block_is (struct vdev *d, uint64_t block, int byte)
{
  unsigned char buf[B];
  size_t i;

  CHECK_EQ_INT (vdev_read (d, buf, B, block * B), 0);
  for (i = 0; i < B && buf[i] == byte; ++i)
    ;
  CHECK_MSG (i == B, "block %" PRIu64 ", byte %zu: %d", block, i, buf[i]);
}

static void
put (struct vdev *d, uint64_t block, uint64_t n, int byte)
{
  CLEANUP_FREE char *buf = base_malloc (n * B);

  CHECK (buf != NULL);
  memset (buf, byte, n * B);
  CHECK_EQ_INT (vdev_write (d, buf, n * B, block * B, 0), 0);
}

static struct pool *
open_pool (struct vdev *mem, bool readonly, struct vdev **v)
{
  const struct pool_options o = { .readonly = readonly, .event = opened };
  struct pool *p;

  CHECK_EQ_INT (pool_open (vdev_ref (mem), &o, &p), 0);
  CHECK_EQ_INT (pool_volume_open (p, "v", readonly, NULL, v), 0);
  return p;
}

/* Fill, overwrite, trim, over leaves and levels, in several transactions. */
static void
change (struct vdev *v)
{
  put (v, 0, 600, 1);
  CHECK_EQ_INT (vdev_flush (v), 0);
  put (v, 100, 300, 2);
  CHECK_EQ_INT (vdev_flush (v), 0);
  CHECK_EQ_INT (vdev_trim (v, 200 * B, 350 * B, 0), 0);
  put (v, 400, 3, 3);
  put (v, 70000, 1, 4);
  CHECK_EQ_INT (vdev_flush (v), 0);
  put (v, 0, 1, 9);             /* not flushed, but written */
}

static void
verify (struct vdev *v)
{
  block_is (v, 99, 1);
  block_is (v, 100, 2);
  block_is (v, 349, 2);
  block_is (v, 350, 0);
  block_is (v, 399, 0);
  block_is (v, 400, 3);
  block_is (v, 403, 0);
  block_is (v, 549, 0);
  block_is (v, 550, 1);
  block_is (v, 70000, 4);
  block_is (v, 0, 1);
}

TEST_MAIN
{
  struct pool_check_result result;
  struct vdev *mem, *v;
  struct pool *p;

  CHECK_EQ_INT (devices_mem_open (UINT64_C (64) << 20, &mem), 0);
  CHECK_EQ_INT (pool_format (mem, &(struct pool_format_options) {
    .capacity = UINT64_C (64) << 20 }), 0);
  CHECK_EQ_INT (pool_open (vdev_ref (mem), NULL, &p), 0);
  CHECK_EQ_INT (pool_create (p, "v", UINT64_C (512) << 20, 0), 0);
  CHECK_EQ_INT (pool_volume_open (p, "v", false, NULL, &v), 0);
  change (v);
  vdev_unref (v);
  pool_abandon (p);

  p = open_pool (mem, true, &v);
  CHECK_EQ_INT (replayed, 3);
  verify (v);
  vdev_unref (v);
  CHECK_EQ_INT (pool_close (p), 0);

  p = open_pool (mem, false, &v);
  CHECK_EQ_INT (replayed, 3);
  verify (v);
  CHECK_EQ_INT (pool_check (p, &(struct pool_check_options) { .data = true },
                            &result), 0);
  CHECK_EQ_INT (result.errors + result.leaks, 0);
  vdev_unref (v);
  pool_abandon (p);

  p = open_pool (mem, false, &v);
  CHECK_EQ_INT (replayed, 0);
  verify (v);
  vdev_unref (v);
  CHECK_EQ_INT (pool_close (p), 0);
  vdev_unref (mem);
}
