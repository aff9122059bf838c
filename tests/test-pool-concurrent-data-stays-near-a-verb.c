/* SPDX-License-Identifier: BSD-3-Clause
 *
 * While a verb's commit stands below, data goes on being written, but only so
 * much that the next verb does not have to flush everything that came
 * meanwhile.  When the commit has ended all of it goes on.  A commit that no
 * verb waits for holds nobody back.
 */

#include <config.h>

#include "crash-image.h"
#include "gate.h"
#include "pool.h"
#include "sim.h"
#include "test.h"

#define MIB (UINT64_C (1) << 20)
#define NEAR 2                  /* MiB that may be written meanwhile */
#define ALL 40
#define POINTS 100000           /* of the simulation: enough for all */

static struct gate gate;
static struct pool *p;
static struct vdev *v;

static void *
commit (void *arg)
{
  const bool *verb = arg;

  if (*verb)
    CHECK_EQ_INT (pool_snapshot (p, &(const char *) { "v@s" }, 1, 0), 0);
  else
    CHECK_EQ_INT (pool_flush (p), 0);
  return NULL;
}

static void *
writer (void *arg)
{
  unsigned *count = arg;
  uint8_t *buf = malloc (MIB);

  CHECK (buf != NULL);
  memset (buf, 0x5a, MIB);
  for (; *count < ALL; ++*count)
    CHECK_EQ_INT (vdev_write (v, buf, MIB, *count * MIB, 0), 0);
  free (buf);
  return NULL;
}

/* MiB that are written while the commit stands at its first flush. */
static unsigned
during (uint64_t seed, bool verb)
{
  const struct sim_options so = { .seed = seed, .stay = 250 };
  struct image *image = image_new (256 * MIB);
  struct vdev *disk = gate_open (image_vdev (image), &gate);
  struct base_thread t[2];
  unsigned count = 0, then, i;

  CHECK (pool_format (disk, &(struct pool_format_options) { 0 }) == 0);
  CHECK (pool_open (disk, NULL, &p) == 0);
  CHECK (pool_create (p, "v", ALL * MIB, 0) == 0);
  CHECK (pool_volume_open (p, "v", false, NULL, &v) == 0);
  CHECK_EQ_INT (vdev_write (v, "x", 1, 0, 0), 0);

  sim_start (&so);
  gate_close (&gate, GATE_FLUSH, 1);
  CHECK (base_thread_create (&t[0], commit, &verb) == 0);
  gate_wait (&gate);
  CHECK (base_thread_create (&t[1], writer, &count) == 0);
  for (i = 0; i < POINTS && count < ALL; i++)
    sim_point ();
  then = count;
  CHECK (!gate.late);
  gate_let_go (&gate);
  base_thread_join (&t[0]);
  base_thread_join (&t[1]);
  sim_stop (NULL);

  CHECK_EQ_INT (count, ALL);
  vdev_unref (v);
  CHECK (pool_close (p) == 0);
  gate_free (&gate);
  image_free (image);
  return then;
}

TEST_MAIN
{
  const uint64_t seed = test_seed ();

  CHECK_EQ_INT (during (seed, true), NEAR);
  CHECK_EQ_INT (during (seed, false), ALL);
}
