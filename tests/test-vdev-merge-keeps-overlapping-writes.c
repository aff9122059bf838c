/* SPDX-License-Identifier: BSD-3-Clause
 *
 * While a few bytes are being merged into a block, an aligned write of that
 * block by another thread waits, so that the merge cannot bring back what
 * was there before; aligned writes do not wait for each other.
 */

#include <config.h>

#include "devices.h"
#include "devices-test.h"
#include "test.h"

#define BLOCK 4096

static struct vdev *d;          /* alignment BLOCK, over faulty over mem */
static _Atomic bool done;       /* the other write is acknowledged */
static struct base_thread other;
static bool waited;

static void *
write_block (void *opaque)
{
  uint8_t buf[BLOCK];
  const bool unaligned = opaque != NULL;

  memset (buf, 'b', sizeof buf);
  CHECK_EQ_INT (vdev_write (d, buf, BLOCK - unaligned, 0, 0), 0);
  done = true;
  return NULL;
}

/* In the middle of the first request: give the other one plenty of time. */
static void
meanwhile (void *opaque)
{
  unsigned i;

  CHECK_EQ_INT (base_thread_create (&other, write_block, opaque), 0);
  struct base_mutex m;
  struct base_cond c;

  base_mutex_init (&m);
  base_cond_init (&c);
  base_mutex_lock (&m);
  for (i = 0; i < 20 && !done; ++i)
    base_cond_timedwait (&c, &m, 10);
  base_mutex_unlock (&m);
  base_cond_destroy (&c);
  base_mutex_destroy (&m);
  waited = !done;
}

/* A decorator that pretends to an alignment. */
static struct vdev *
aligned_over (struct vdev *child)
{
  static const struct vdev_ops ops = {
    .kind = "aligned", .read = vdev_pass_read, .write = vdev_pass_write,
    .close = vdev_pass_close,
  };
  struct vdev_pass *p = calloc (1, sizeof *p);

  CHECK (p != NULL);
  child->info.align = BLOCK;
  CHECK_EQ_INT (vdev_pass_init (p, &ops, child, ~0U, 0), 0);
  child->info.align = 1;
  return &p->d;
}

/* Write LEN bytes of 'a' at OFF; when the child sees OP, the other thread
 * writes block 0.
 */
static void
both (enum faulty_op op, size_t len, uint64_t off, bool unaligned)
{
  const struct faulty_rule rule = {
    .op = op, .action = FAULTY_HOOK, .nth = 1, .hook = meanwhile,
    .opaque = unaligned ? &done : NULL,
  };
  uint8_t buf[2 * BLOCK];
  struct vdev *mem, *faulty;

  done = false;
  CHECK_EQ_INT (devices_mem_open (4 * BLOCK, &mem), 0);
  CHECK_EQ_INT (faulty_open (mem, &faulty), 0);
  d = aligned_over (faulty);
  CHECK_EQ_INT (faulty_add (faulty, &rule), 0);
  memset (buf, 'a', sizeof buf);
  CHECK_EQ_INT (vdev_write (d, buf, len, off, 0), 0);
  base_thread_join (&other);
}

/* Every byte of block 0 outside [FROM, TO) is the other's. */
static void
others_are_b (size_t from, size_t to)
{
  uint8_t got[BLOCK];
  size_t i;

  CHECK_EQ_INT (vdev_read (d, got, BLOCK, 0), 0);
  for (i = 0; i < BLOCK; ++i)
    CHECK_MSG (got[i] == 'b' || (i >= from && i < to && got[i] == 'a'),
               "byte %zu is %d", i, got[i]);
  vdev_unref (d);
}

TEST_MAIN
{
  /* A merge against an aligned write: between its read and its write. */
  both (FAULTY_WRITE, 10, 100, false);
  CHECK (waited);
  others_are_b (100, 110);
  /* The tail of a longer write. */
  both (FAULTY_READ, 10, 4090, false);
  others_are_b (4090, 4096);
  /* A merge against a merge. */
  both (FAULTY_WRITE, 1, 4095, true);
  CHECK (waited);
  CHECK_EQ_INT (vdev_size (d), 4 * BLOCK);
  vdev_unref (d);
  /* Aligned against aligned: at the same time. */
  both (FAULTY_WRITE, BLOCK, BLOCK, false);
  CHECK (!waited);
  others_are_b (0, 0);
  both (FAULTY_WRITE, BLOCK, 0, false);
  CHECK (!waited);
  vdev_unref (d);
}
