/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Real threads on one pool.  Writers overwrite overlapping ranges with
 * stamps, aligned and not; others read, trim, flush, take snapshots, clone
 * and remove them, check and scrub the pool meanwhile.  For each block there
 * must be an order of the writes that explains what was read, and no scrub
 * finds damage:
 *
 * - every sector that is read was written by one single write, or is zero;
 * - a read does not see what was overwritten before it began, nor what had
 *   not been begun when it ended;
 * - a snapshot holds every write that was answered before it was asked for
 *   and none that was begun after it returned.
 *
 * Made for TSan, too; the order of events is chosen by the machine.
 *
 * Environment SECONDS, SEED.
 */

#include <config.h>

#include <stdatomic.h>

#include "devices.h"
#include "pool.h"
#include "test.h"

#define SECTOR 512
#define SECTORS 512             /* of the volume that is looked at */
#define WRITERS 4
#define READERS 2

/* A stamp is writer and number. */

static struct pool *p;
static _Atomic uint64_t clock_;
static _Atomic bool stop;
static uint64_t seed;

/* Who overwrote whom is known per sector and writer: the last answered and
 * the last begun write of each writer.  WRITES of one writer are in order.
 */
static _Atomic uint64_t answered[WRITERS][SECTORS];     /* number */
static _Atomic uint64_t begun[WRITERS][SECTORS];        /* number */

static void
fill (uint8_t *buf, uint64_t writer, uint64_t number)
{
  uint64_t *w = (uint64_t *) buf;
  unsigned i;

  for (i = 0; i < SECTOR / 8; i++)
    w[i] = ((number << 8 | (writer + 1)) + i) * UINT64_C (0x9e3779b97f4a7c15);
}

/* The stamp of a sector; false = zeroes.  The test fails on a mixture. */
static bool
stamp_of (const uint8_t *buf, uint64_t *writer, uint64_t *number)
{
  /* The inverse of the odd constant, modulo 2^64. */
  const uint64_t inverse = UINT64_C (0xf1de83e19937733d);
  uint64_t w, x;
  uint8_t want[SECTOR];

  if (base_is_zero (buf, SECTOR))
    return false;
  memcpy (&w, buf, 8);
  x = w * inverse;
  *writer = (x & 255) - 1;
  *number = x >> 8;
  CHECK_MSG (*writer < WRITERS, "a sector holds what nobody wrote");
  fill (want, *writer, *number);
  CHECK_MSG (memcmp (buf, want, SECTOR) == 0, "a sector holds parts of two "
             "writes");
  return true;
}

static void *
writer (void *arg)
{
  const uint64_t me = (uintptr_t) arg;
  uint8_t *buf = base_malloc (64 * SECTOR);
  struct base_rng rng;
  struct vdev *d;
  uint64_t number = 0;

  base_rng_seed (&rng, seed + me);
  CHECK (buf != NULL);
  CHECK (pool_volume_open (p, "v", false, NULL, &d) == 0);
  while (!stop) {
    uint64_t n = 1 + base_rng_below (&rng, base_rng_below (&rng, 8) ? 16 : 64);
    uint64_t first = base_rng_below (&rng, SECTORS - n), i;

    number++;
    for (i = 0; i < n; i++) {
      fill (buf + i * SECTOR, me, number);
      atomic_store (&begun[me][first + i], number);
    }
    CHECK_EQ_INT (vdev_write (d, buf, n * SECTOR, first * SECTOR,
                              number % 64 == 0 ? VDEV_FUA : 0), 0);
    for (i = 0; i < n; i++)
      atomic_store (&answered[me][first + i], number);
    if (number % 16 == 0)
      CHECK_EQ_INT (vdev_flush (d), 0);
    atomic_fetch_add (&clock_, 1);
  }
  vdev_unref (d);
  free (buf);
  return NULL;
}

/* Before: what each writer had been answered when the look began. */
static void
before_look (uint64_t first, uint64_t n, uint64_t *was)
{
  uint64_t w, i;

  for (w = 0; w < WRITERS; w++)
    for (i = 0; i < n; i++)
      was[w * n + i] = atomic_load (&answered[w][first + i]);
}

/* A sector that shows write K of writer W: it had been begun, and nothing
 * that W was answered before the look came after it.
 */
static void
check_look (const uint8_t *buf, uint64_t first, uint64_t n,
            const uint64_t *was)
{
  uint64_t i, w, k, other;

  for (i = 0; i < n; i++) {
    if (!stamp_of (buf + i * SECTOR, &w, &k)) {
      for (other = 0; other < WRITERS; other++)
        CHECK_MSG (was[other * n + i] == 0,
                   "sector %" PRIu64 " is zero, though write %" PRIu64
                   " of %" PRIu64 " had been answered", first + i,
                   was[other * n + i], other);
      continue;
    }
    CHECK_MSG (k <= atomic_load (&begun[w][first + i]),
               "sector %" PRIu64 " shows a write that was not begun",
               first + i);
    CHECK_MSG (k >= was[w * n + i],
               "sector %" PRIu64 " shows write %" PRIu64 " of %" PRIu64
               ", but %" PRIu64 " had been answered", first + i, k, w,
               was[w * n + i]);
  }
}

static void
look (struct vdev *d, uint64_t first, uint64_t n, const uint64_t *was)
{
  uint8_t *buf = base_malloc (n * SECTOR);

  CHECK (buf != NULL);
  CHECK_EQ_INT (vdev_read (d, buf, n * SECTOR, first * SECTOR), 0);
  check_look (buf, first, n, was);
  free (buf);
}

static void *
reader (void *arg)
{
  uint64_t *was = base_malloc (WRITERS * SECTORS * 8);
  struct base_rng rng;
  struct vdev *d;

  base_rng_seed (&rng, seed + 100 + (uintptr_t) arg);
  CHECK (was != NULL);
  CHECK (pool_volume_open (p, "v", true, NULL, &d) == 0);
  while (!stop) {
    uint64_t n = 1 + base_rng_below (&rng, 64);
    uint64_t first = base_rng_below (&rng, SECTORS - n);

    before_look (first, n, was);
    look (d, first, n, was);
  }
  vdev_unref (d);
  free (was);
  return NULL;
}

/* What had been begun when the snapshot returned is an upper bound. */
static void
check_snapshot (const char *name, const uint64_t *was, const uint64_t *bound)
{
  uint8_t *buf = base_malloc (SECTORS * SECTOR);
  struct vdev *d;
  uint64_t i, w, k;
  unsigned again;

  CHECK (buf != NULL);
  CHECK (pool_volume_open (p, name, true, NULL, &d) == 0);
  for (again = 0; again < 2; again++) {
    CHECK_EQ_INT (vdev_read (d, buf, SECTORS * SECTOR, 0), 0);
    check_look (buf, 0, SECTORS, was);
    for (i = 0; i < SECTORS; i++)
      if (stamp_of (buf + i * SECTOR, &w, &k))
        CHECK_MSG (k <= bound[w * SECTORS + i], "the snapshot shows a write "
                   "that was begun after it returned");
  }
  vdev_unref (d);
  free (buf);
}

static void *
keeper (void *arg)
{
  static const char *const snaps[] = { "v@s", "w@s" };
  uint64_t *was = base_malloc (WRITERS * SECTORS * 8);
  uint64_t *bound = base_malloc (WRITERS * SECTORS * 8), w, i;
  struct pool_check_options o = { .data = true };
  struct pool_check_result r;
  unsigned round;
  int err;

  (void) arg;
  CHECK (was != NULL && bound != NULL);
  for (round = 0; !stop; round++) {
    before_look (0, SECTORS, was);
    CHECK_EQ_INT (pool_snapshot (p, snaps, 2, 0), 0);
    for (w = 0; w < WRITERS; w++)
      for (i = 0; i < SECTORS; i++)
        bound[w * SECTORS + i] = atomic_load (&begun[w][i]);
    CHECK_EQ_INT (pool_clone (p, "v@s", "c", 0), 0);
    check_snapshot ("v@s", was, bound);
    check_snapshot ("c", was, bound);
    if (round % 4 == 0) {
      err = pool_check (p, &o, &r);
      CHECK (err == 0 || err == -EBUSY);
      CHECK (err < 0 || (r.errors == 0 && r.leaks == 0));
    }
    CHECK_EQ_INT (pool_remove (p, round % 2 ? "v@s" : "c", 0), 0);
    if (round % 2 == 0)
      check_snapshot ("v@s", was, bound);
    CHECK_EQ_INT (pool_remove (p, round % 2 ? "c" : "v@s", 0), 0);
    CHECK_EQ_INT (pool_remove (p, "w@s", 0), 0);
  }
  CHECK (round > 0);
  free (was);
  free (bound);
  return NULL;
}

/* A second volume that is trimmed and written as a whole. */
static void *
trimmer (void *arg)
{
  uint8_t *buf = base_malloc (SECTORS * SECTOR);
  struct base_rng rng;
  struct vdev *d;
  uint64_t k, w, i;

  (void) arg;
  base_rng_seed (&rng, seed + 200);
  CHECK (buf != NULL);
  CHECK (pool_volume_open (p, "w", false, NULL, &d) == 0);
  for (k = 1; !stop; k++) {
    for (i = 0; i < SECTORS; i++)
      fill (buf + i * SECTOR, 0, k);
    CHECK_EQ_INT (vdev_write (d, buf, SECTORS * SECTOR, 0, 0), 0);
    i = base_rng_below (&rng, SECTORS - 1);
    CHECK_EQ_INT (vdev_trim (d, SECTORS * SECTOR - i * SECTOR, i * SECTOR, 0),
                  0);
    CHECK_EQ_INT (vdev_read (d, buf, SECTORS * SECTOR, 0), 0);
    CHECK (base_is_zero (buf + i * SECTOR, (SECTORS - i) * SECTOR));
    for (w = 0; w < i; w++) {
      uint64_t who, number;
      CHECK (stamp_of (buf + w * SECTOR, &who, &number));
      CHECK (who == 0 && number == k);
    }
  }
  vdev_unref (d);
  free (buf);
  return NULL;
}

static void *
scrubber (void *arg)
{
  const struct pool_scrub_options o = { .rate = UINT64_C (1) << 50 };
  struct pool_scrub_info r;

  (void) arg;
  while (!stop) {
    CHECK_EQ_INT (pool_scrub (p, &o, &r), 0);
    CHECK_EQ_INT (r.found, 0);
  }
  return NULL;
}

TEST_MAIN
{
  const uint64_t seconds = test_env ("SECONDS", 8);
  struct base_thread t[WRITERS + READERS + 3];
  struct pool_options o = { .commit_interval_ms = 50 };
  struct base_mutex lock;
  struct base_cond never;
  struct vdev *backing;
  uint64_t until;
  uintptr_t i, n = 0;

  seed = test_seed ();
  CHECK (devices_mem_open (64 << 20, &backing) == 0);
  CHECK (pool_format (backing, &(struct pool_format_options) { 0 }) == 0);
  CHECK (pool_open (backing, &o, &p) == 0);
  CHECK (pool_start (p) == 0);
  CHECK (pool_create (p, "v", SECTORS * SECTOR, 0) == 0);
  CHECK (pool_create (p, "w", SECTORS * SECTOR, 0) == 0);
  for (i = 0; i < WRITERS; i++)
    CHECK (base_thread_create (&t[n++], writer, (void *) i) == 0);
  for (i = 0; i < READERS; i++)
    CHECK (base_thread_create (&t[n++], reader, (void *) i) == 0);
  CHECK (base_thread_create (&t[n++], keeper, NULL) == 0);
  CHECK (base_thread_create (&t[n++], trimmer, NULL) == 0);
  CHECK (base_thread_create (&t[n++], scrubber, NULL) == 0);
  base_mutex_init (&lock);
  base_cond_init (&never);
  base_mutex_lock (&lock);
  until = base_monotonic_ns () + seconds * 1000000000;
  while (base_monotonic_ns () < until)
    base_cond_timedwait (&never, &lock, 100);
  base_mutex_unlock (&lock);
  stop = true;
  for (i = 0; i < n; i++)
    base_thread_join (&t[i]);
  printf ("%" PRIu64 " writes\n", (uint64_t) clock_);
  CHECK (clock_ > 0);
  CHECK (pool_close (p) == 0);
}
