/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A damaged leaf of the reference counts is made anew also if nothing is
 * shared any more, so that all it says is zero.
 */

#include <config.h>

#include "devices-test.h"
#include "format.h"
#include "pool.h"
#include "test.h"

#define B UINT64_C (4096)
#define SIZE (UINT64_C (4) << 20)

/* A pool whose only snapshot was removed. */
static struct vdev *
make (void)
{
  const struct pool_format_options o = { .capacity = SIZE };
  const char *const names[] = { "v@s" };
  struct vdev *d, *v;
  struct pool *p;
  uint8_t buf[B];

  memset (buf, 7, B);
  CHECK_EQ_INT (devices_mem_open (SIZE, &d), 0);
  CHECK_EQ_INT (pool_format (d, &o), 0);
  CHECK_EQ_INT (pool_open (vdev_ref (d), NULL, &p), 0);
  CHECK_EQ_INT (pool_create (p, "v", 100 * B, 0), 0);
  CHECK_EQ_INT (pool_volume_open (p, "v", false, NULL, &v), 0);
  CHECK_EQ_INT (vdev_write (v, buf, B, 0, 0), 0);
  CHECK_EQ_INT (vdev_write (v, buf, B, B, 0), 0);
  CHECK_EQ_INT (pool_snapshot (p, names, 1, 0), 0);
  CHECK_EQ_INT (vdev_write (v, buf, B, 0, VDEV_FUA), 0);
  CHECK_EQ_INT (pool_checkpoint (p), 0);
  CHECK_EQ_INT (pool_remove (p, "v@s", 0), 0);
  CHECK_EQ_INT (pool_reclaim (p), 0);
  vdev_unref (v);
  CHECK_EQ_INT (pool_close (p), 0);
  return d;
}

static void
newest (struct vdev *d, struct format_super *s)
{
  struct format_super b;

  CHECK_EQ_INT (vdev_read (d, s, sizeof *s, FORMAT_SLOT_A), 0);
  CHECK_EQ_INT (vdev_read (d, &b, sizeof b, FORMAT_SLOT_B), 0);
  if (le64toh (b.generation) > le64toh (s->generation))
    *s = b;
}

TEST_MAIN
{
  const struct pool_repair_options o = { .name = "pool" };
  struct vdev *d = make (), *v;
  struct pool_repair_result result;
  struct format_super s;
  uint8_t buf[B];
  struct pool *p;
  uint64_t at;
  int r;

  printf ("directed: the same on every run, as if by SEED=0\n");
  newest (d, &s);
  CHECK (format_type (&s.refs.entry) == FORMAT_NODE);
  at = format_place (&s.refs.entry) * B;
  CHECK_EQ_INT (vdev_read (d, buf, B, at), 0);
  CHECK (base_is_zero (buf, B));
  CHECK_EQ_INT (vdev_write (d, "x", 1, at, 0), 0);
  r = pool_repair (d, &o, &result);
  CHECK_MSG (r == 0, "repair: %s", base_error_text ());
  CHECK_EQ_INT (result.before.errors > 0, 1);
  CHECK_EQ_INT (result.after.errors + result.after.leaks, 0);
  CHECK_EQ_INT (result.lost, 0);
  CHECK_EQ_INT (pool_open (vdev_ref (d), NULL, &p), 0);
  CHECK_EQ_INT (pool_volume_open (p, "v", true, NULL, &v), 0);
  CHECK_EQ_INT (vdev_read (v, buf, B, 0), 0);
  CHECK (buf[0] == 7);
  vdev_unref (v);
  CHECK_EQ_INT (pool_close (p), 0);
  vdev_unref (d);
}
