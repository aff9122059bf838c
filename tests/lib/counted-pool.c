/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A pool whose backing counts; see counted-pool.h.  The recorder knows the
 * bytes, the faulty device below it knows the reads.
 */

#include <config.h>

#include <stdlib.h>

#include "counted-pool.h"
#include "devices-test.h"
#include "test.h"

static const enum faulty_op kinds[5] = {
  FAULTY_READ, FAULTY_WRITE, FAULTY_FLUSH, FAULTY_TRIM, FAULTY_ZERO,
};

static void
open_pool (struct counted_pool *c)
{
  CHECK_EQ_INT (pool_open (c->recorder, NULL, &c->pool), 0);
  CHECK_EQ_INT (pool_volume_open (c->pool, "v", false, NULL, &c->volume), 0);
  counted_take (c);
}

void
counted_open (struct counted_pool *c, uint64_t capacity, uint64_t size)
{
  const struct pool_format_options options = { .capacity = capacity };
  struct vdev *mem;
  struct pool *p;

  memset (c, 0, sizeof *c);
  CHECK_EQ_INT (devices_mem_open (capacity, &mem), 0);
  CHECK_EQ_INT (faulty_open (mem, &c->faulty), 0);
  CHECK_EQ_INT (recorder_open (c->faulty, &c->recorder), 0);
  CHECK_EQ_INT (pool_format (c->recorder, &options), 0);
  CHECK_EQ_INT (pool_open (vdev_ref (c->recorder), NULL, &p), 0);
  CHECK_EQ_INT (pool_create (p, "v", size, 0), 0);
  CHECK_EQ_INT (pool_close (p), 0);
  open_pool (c);
}

void
counted_reopen (struct counted_pool *c)
{
  struct vdev *keep = vdev_ref (c->recorder);

  counted_close (c);
  c->recorder = keep;
  open_pool (c);
}

void
counted_close (struct counted_pool *c)
{
  vdev_unref (c->volume);
  CHECK_EQ_INT (pool_close (c->pool), 0);
}

struct counts
counted_take (struct counted_pool *c)
{
  const struct recorder_log log = recorder_log (c->recorder);
  struct counts n = { 0 };
  uint64_t calls[5];
  size_t i;

  for (i = 0; i < BASE_ARRAY_SIZE (kinds); ++i) {
    const uint64_t now = faulty_count (c->faulty, kinds[i]);

    calls[i] = now - c->before[i];
    c->before[i] = now;
  }
  n.reads = calls[0];
  n.writes = calls[1];
  n.trims = calls[3] + calls[4];
  /* Memory below needs no flush, so the recorder alone saw them. */
  for (i = 0; i < log.n; ++i) {
    if (log.ops[i].kind == RECORDER_WRITE)
      n.written += log.ops[i].len;
    else if (log.ops[i].kind == RECORDER_FLUSH)
      n.flushes++;
  }
  recorder_reset (c->recorder);
  return n;
}

void
counted_write (struct counted_pool *c, uint64_t block, uint64_t nblocks)
{
  static unsigned char next;
  CLEANUP_FREE uint8_t *buf = base_malloc (nblocks * COUNTED_BLOCK);

  CHECK (buf != NULL);
  memset (buf, ++next ? next : ++next, nblocks * COUNTED_BLOCK);
  CHECK_EQ_INT (vdev_write (c->volume, buf, nblocks * COUNTED_BLOCK,
                            block * COUNTED_BLOCK, 0), 0);
}

void
counted_flush (struct counted_pool *c)
{
  CHECK_EQ_INT (vdev_flush (c->volume), 0);
}
