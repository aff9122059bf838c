/* SPDX-License-Identifier: BSD-3-Clause
 *
 * discard=never: what became free stays allocated below, whatever is trimmed
 * or removed.  The same without it gives slabs back, so that the test knows
 * that there was something to give.
 */

#include <config.h>

#include "devices-test.h"
#include "pool.h"
#include "test.h"

#define MIB (UINT64_C (1) << 20)

/* How many times the backing is trimmed. */
static unsigned
punches (bool never)
{
  struct pool_format_options fo = { .slab_size = 64 << 10 };
  struct pool_options o = { .discard_never = never };
  struct recorder_log log;
  struct vdev *mem, *disk, *d;
  struct pool_info before, after;
  uint8_t *buf = base_malloc (MIB);
  struct pool *p;
  unsigned n = 0, i;
  size_t k;

  CHECK (buf != NULL);
  CHECK (devices_mem_open (32 * MIB, &mem) == 0);
  CHECK (recorder_open (mem, &disk) == 0);
  CHECK (pool_format (disk, &fo) == 0);
  CHECK (pool_open (vdev_ref (disk), &o, &p) == 0);
  CHECK (pool_create (p, "v", 32 * MIB, 0) == 0);
  CHECK (pool_volume_open (p, "v", false, NULL, &d) == 0);
  memset (buf, 0x55, MIB);
  for (i = 0; i < 16; i++)
    CHECK_EQ_INT (vdev_write (d, buf, MIB, i * MIB, 0), 0);
  CHECK_EQ_INT (pool_flush (p), 0);
  pool_get_info (p, &before);
  CHECK_EQ_INT (vdev_trim (d, 8 * MIB, 0, 0), 0);
  CHECK_EQ_INT (vdev_flush (d), 0);
  CHECK_EQ_INT (pool_reclaim (p), 0);
  vdev_unref (d);
  CHECK_EQ_INT (pool_remove (p, "v", 0), 0);
  CHECK_EQ_INT (pool_reclaim (p), 0);
  pool_get_info (p, &after);
  CHECK (after.used < before.used);
  CHECK ((after.backed < before.backed) == !never);
  log = recorder_log (disk);
  for (k = 0; k < log.n; k++)
    n += log.ops[k].kind == RECORDER_TRIM;
  CHECK (pool_close (p) == 0);
  vdev_unref (disk);
  free (buf);
  return n;
}

TEST_MAIN
{
  printf ("directed: the same on every run, as if by SEED=0\n");
  CHECK (punches (false) > 0);
  CHECK_EQ_INT (punches (true), 0);
}
