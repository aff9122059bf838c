/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Crash states are what the log allows.  The harness builds images by its
 * own fast way; for random logs, points and choices they must equal what the
 * recorder's plain one makes of the same choice, and what was flushed must
 * be there.  After a failed flush they are compared with the rule itself:
 * what waited for it stays in doubt until it is written again.
 */

#include <config.h>

#include "crash-states.h"
#include "test.h"

#define SIZE (64U * 1024)

static struct base_rng rng;

static void
random_ops (struct vdev *d, unsigned n)
{
  static uint8_t buf[3 * 4096];
  uint64_t len, off;
  unsigned i;

  while (n-- > 0) {
    off = base_rng_below (&rng, SIZE / 512 - 24) * 512;
    len = (1 + base_rng_below (&rng, 24)) * 512;
    switch (base_rng_below (&rng, 8)) {
    case 0:
      CHECK (vdev_flush (d) == 0);
      break;
    case 1:
      CHECK (vdev_trim (d, len, off, 0) == 0);
      break;
    case 2:
      CHECK (vdev_zero (d, len, off, 0) == 0);
      break;
    default:
      for (i = 0; i < len; i++)
        buf[i] = (uint8_t) base_rng_u64 (&rng);
      CHECK (vdev_write (d, buf, len, off, 0) == 0);
    }
  }
}

/* The recorder's view of a choice of ours. */
static bool
lands (void *opaque, const struct recorder_op *op, uint64_t sector)
{
  struct { struct crash_states *cs; struct crash_choice *c; } *x = opaque;
  uint64_t nr = sector - op->off / RECORDER_SECTOR;
  size_t i;

  for (i = 0; i < x->c->n; i++) {
    const struct crash_survivor *s = &x->c->s[i];
    if (&x->cs->log.ops[s->op] != op)
      continue;
    switch (s->landed) {
    case LANDED_NOT: return false;
    case LANDED_PREFIX: return nr < s->n;
    case LANDED_SUFFIX: return nr >= s->n;
    case LANDED_SOME:
      nr = (nr + s->n) * UINT64_C (0x9fb21c651e98df25);
      return (nr ^ nr >> 32) & 1;
    case LANDED_WHOLE: default: return true;
    }
  }
  abort ();                     /* pending there, settled here */
}

static void
check_point (struct crash_states *cs, uint64_t point)
{
  static uint8_t plain[SIZE], fast[SIZE];
  struct crash_choice c = { 0 };
  struct { struct crash_states *cs; struct crash_choice *c; } x = { cs, &c };
  struct recorder_choice choice = { .lands = lands, .opaque = &x };
  struct recorder_image flat = { plain, SIZE, SIZE };
  struct image *image, *again;

  crash_states_pending (cs, point, &c);
  crash_choose (cs, &c, &rng);
  /* One order only: operations one after the other have no other. */
  image = crash_states_build (cs, &c);
  image_read (image, fast, SIZE, 0);
  memset (plain, 0, SIZE);
  CHECK (recorder_rebuild (&cs->log, point, &choice, &flat) == 0);
  CHECK_EQ_MEM (fast, plain, SIZE);
  again = crash_states_build (cs, &c);
  CHECK (image_hash (image) == image_hash (again));
  image_zero (again, SIZE, 0);
  image_write (again, fast, SIZE, 0);
  CHECK (image_hash (image) == image_hash (again));
  fast[base_rng_below (&rng, SIZE)] ^= 1;
  image_write (again, fast, SIZE, 0);
  CHECK (image_hash (image) != image_hash (again));
  image_free (again);
  image_free (image);
  crash_choice_reset (&c);
}

static void
check_random_log (void)
{
  struct image *blank = image_new (SIZE), *image = image_new (SIZE);
  struct vdev *d;
  struct crash_states cs;
  struct recorder_log log;
  uint64_t point;

  CHECK (recorder_open (image_vdev (image), &d) == 0);
  random_ops (d, 30);
  log = recorder_log (d);
  crash_states_init (&cs, &log, blank);
  for (point = 0; point <= log.now; point += 1 + base_rng_below (&rng, 3))
    check_point (&cs, point);
  check_point (&cs, log.now / 2);       /* backwards */
  crash_states_fini (&cs);
  vdev_unref (d);
  image_free (image);
  image_free (blank);
}

static uint8_t
first_byte (struct crash_states *cs, uint64_t point, bool land,
            size_t *pending)
{
  struct crash_choice c = { 0 };
  struct image *image;
  uint8_t b;

  *pending = crash_states_pending (cs, point, &c);
  crash_choose_subset (&c, land ? UINT64_MAX : 0);
  image = crash_states_build (cs, &c);
  image_read (image, &b, 1, 0);
  image_free (image);
  crash_choice_reset (&c);
  return b;
}

static void
check_failed_flush (void)
{
  struct image *blank = image_new (SIZE), *image = image_new (SIZE);
  struct vdev *below = image_vdev (image), *d;
  uint8_t a[512], b[512];
  struct crash_states cs;
  struct recorder_log log;
  uint64_t doubt, again, done;
  size_t n;

  memset (a, 'a', sizeof a);
  memset (b, 'b', sizeof b);
  CHECK (recorder_open (below, &d) == 0);
  CHECK (vdev_write (d, a, 512, 0, 0) == 0);
  image_vdev_fail_flush (below, 1);
  CHECK (vdev_flush (d) == -EIO);
  /* The next run of the process: the device is opened again. */
  atomic_store (&d->sticky, 0);
  atomic_store (&below->sticky, 0);
  CHECK (vdev_flush (d) == 0);
  doubt = recorder_log (d).now;
  CHECK (vdev_write (d, b, 512, 0, 0) == 0);
  again = recorder_log (d).now;
  CHECK (vdev_flush (d) == 0);
  done = recorder_log (d).now;
  log = recorder_log (d);

  crash_states_init (&cs, &log, blank);
  CHECK (first_byte (&cs, doubt, true, &n) == 'a' && n == 1);
  CHECK (first_byte (&cs, doubt, false, &n) == 0 && n == 1);
  CHECK (first_byte (&cs, again, true, &n) == 'b' && n == 2);
  CHECK (first_byte (&cs, again, false, &n) == 0 && n == 2);
  CHECK (first_byte (&cs, done, true, &n) == 'b' && n == 0);
  CHECK (first_byte (&cs, done, false, &n) == 'b' && n == 0);
  crash_states_fini (&cs);
  vdev_unref (d);
  image_free (image);
  image_free (blank);
}

TEST_MAIN
{
  unsigned i;

  base_rng_seed (&rng, test_seed ());
  for (i = 0; i < 60; i++)
    check_random_log ();
  check_failed_flush ();
}
