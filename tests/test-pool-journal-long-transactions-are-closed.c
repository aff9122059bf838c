/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A transaction that nobody flushes does not grow without bound: the worker
 * commits it when it is long, and where there is no worker, or it is behind,
 * the writer does when it is twice as long.
 */

#include <config.h>

#include "counted-pool.h"
#include "devices.h"
#include "test.h"

#define MIB (UINT64_C (1) << 20)
#define CAPACITY (128 * MIB)    /* a quarter of it is long */
#define LONG (32 * MIB)
#define PATIENCE 60000          /* ms; for a busy machine */

/* N bytes to places that this transaction has not written to yet. */
static void
write_bytes (struct counted_pool *c, uint64_t *next, uint64_t n)
{
  for (; n > 0; n -= MIB / 4, *next += MIB / 4)
    counted_write (c, *next / COUNTED_BLOCK, MIB / 4 / COUNTED_BLOCK);
}

static void
by_the_writer (void)
{
  struct counted_pool c;
  uint64_t next = 0;
  struct counts n;

  counted_open (&c, CAPACITY, 100 * MIB);
  write_bytes (&c, &next, 2 * LONG - MIB / 4);
  n = counted_take (&c);
  CHECK_EQ_INT (n.written, 2 * LONG - MIB / 4);
  write_bytes (&c, &next, MIB / 4);
  n = counted_take (&c);
  CHECK (n.flushes >= 1);
  CHECK (n.written > MIB / 4);

  counted_close (&c);
}

static struct base_mutex lock;
static struct base_cond changed;
static bool closed;             /* lock */

static void
cut (void *opaque, uint64_t transaction)
{
  LOCK_FOR_SCOPE (&lock);

  (void) opaque;
  (void) transaction;
  closed = true;
  base_cond_signal (&changed);
}

static void
by_the_worker (void)
{
  const struct pool_format_options format = { .capacity = CAPACITY };
  const struct pool_options options = {
    .commit_interval_ms = 3600 * 1000,
    .watch = { .cut = cut },
  };
  struct counted_pool c;
  uint64_t next = 0;
  struct vdev *mem;

  base_mutex_init (&lock);
  base_cond_init (&changed);
  CHECK_EQ_INT (devices_mem_open (CAPACITY, &mem), 0);
  CHECK_EQ_INT (pool_format (mem, &format), 0);
  CHECK_EQ_INT (pool_open (mem, &options, &c.pool), 0);
  CHECK_EQ_INT (pool_create (c.pool, "v", 100 * MIB, 0), 0);
  CHECK_EQ_INT (pool_volume_open (c.pool, "v", false, NULL, &c.volume), 0);
  CHECK_EQ_INT (pool_start (c.pool), 0);
  base_mutex_lock (&lock);
  closed = false;
  base_mutex_unlock (&lock);
  write_bytes (&c, &next, LONG);
  base_mutex_lock (&lock);
  while (!closed && base_cond_timedwait (&changed, &lock, PATIENCE))
    ;
  CHECK (closed);
  base_mutex_unlock (&lock);
  vdev_unref (c.volume);
  CHECK_EQ_INT (pool_close (c.pool), 0);
  base_cond_destroy (&changed);
  base_mutex_destroy (&lock);
}

TEST_MAIN
{
  by_the_writer ();
  by_the_worker ();
}
