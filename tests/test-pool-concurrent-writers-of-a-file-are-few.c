/* SPDX-License-Identifier: BSD-3-Clause
 *
 * On a backing that does one write after the other only a few requests write
 * data at once while a commit is under way, however many there are; with no
 * commit, and on any other one, as many as come.
 */

#include <config.h>

#include "crash-image.h"
#include "gate.h"
#include "pool.h"
#include "sim.h"
#include "test.h"

#define B 4096U
#define THREADS 16
#define WRITES 20
#define FEW 4

static struct pool *p;
static struct gate gate;
static unsigned done;           /* writers; one thread runs at a time */

static void *
writer (void *arg)
{
  const uint64_t me = *(uint64_t *) arg;
  uint8_t buf[B];
  struct vdev *d;
  unsigned i;

  memset (buf, (uint8_t) (me + 1), B);
  CHECK (pool_volume_open (p, "v", false, NULL, &d) == 0);
  for (i = 0; i < WRITES; i++)
    CHECK_EQ_INT (vdev_write (d, buf, B, (me * WRITES + i) * B, 0), 0);
  vdev_unref (d);
  done++;
  return NULL;
}

static void *
commit (void *arg)
{
  (void) arg;
  CHECK_EQ_INT (pool_flush (p), 0);
  return NULL;
}

/* The most that were inside at once; BESIDE a commit that stands at its
 * flush.
 */
static unsigned
crowd (uint64_t seed, uint32_t caps, bool beside)
{
  const struct sim_options so = { .seed = seed, .stay = 100 };
  struct image *image = image_new (8192 * B);
  struct vdev *disk = gate_open (image_vdev (image), &gate);
  struct base_thread t[THREADS], committer;
  uint64_t number[THREADS], i;
  unsigned most;
  struct vdev *d;

  disk->info.caps |= caps;
  CHECK (pool_format (disk, &(struct pool_format_options) { 0 }) == 0);
  CHECK (pool_open (disk, NULL, &p) == 0);
  CHECK (pool_create (p, "v", 512 * B, 0) == 0);
  CHECK (pool_volume_open (p, "v", false, NULL, &d) == 0);
  /* Let the slabs be backed: who needs one more waits for the commit. */
  for (i = 0; i < THREADS * WRITES; i++)
    CHECK_EQ_INT (vdev_write (d, "x", 1, i * B, 0), 0);
  CHECK_EQ_INT (pool_checkpoint (p), 0);
  CHECK_EQ_INT (vdev_trim (d, THREADS * WRITES * B, 0, 0), 0);
  CHECK_EQ_INT (pool_checkpoint (p), 0);
  CHECK_EQ_INT (vdev_write (d, "x", 1, 0, 0), 0);
  vdev_unref (d);
  sim_start (&so);
  if (beside) {
    gate_close (&gate, GATE_FLUSH, 1);
    CHECK (base_thread_create (&committer, commit, NULL) == 0);
    gate_wait (&gate);
  }
  gate.points = 100;
  done = 0;
  for (i = 0; i < THREADS; i++) {
    number[i] = i;
    CHECK (base_thread_create (&t[i], writer, &number[i]) == 0);
  }
  while (done < THREADS && !gate.late)
    sim_point ();
  most = gate.most[GATE_WRITE];
  if (beside) {
    CHECK (!gate.late);
    gate_let_go (&gate);
    base_thread_join (&committer);
  }
  for (i = 0; i < THREADS; i++)
    base_thread_join (&t[i]);
  sim_stop (NULL);
  CHECK (pool_close (p) == 0);
  gate_free (&gate);
  image_free (image);
  return most;
}

TEST_MAIN
{
  const uint64_t seed = test_seed (), n = test_env ("SEEDS", 5);
  uint64_t i;

  for (i = 0; i < n; i++) {
    CHECK (crowd (seed + i, VDEV_ONE_WRITER, true) <= FEW);
    CHECK (crowd (seed + i, VDEV_ONE_WRITER, false) > 2 * FEW);
    CHECK (crowd (seed + i, 0, true) > 2 * FEW);
  }
}
