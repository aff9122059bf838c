/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A pool says that it is filled to 80, 90, 95 and 99 percent of what clients
 * can use, at the very block, once: again only after it was two points below.
 * Of several thresholds in one step the outermost is said.  What is removed
 * is said when it has come back, growth at once, and a pool that is opened
 * full says so.  After every step the events and what info shows are compared
 * with a model that knows only `usable` and `available`.
 */

#include <config.h>

#include "devices-test.h"
#include "pool.h"
#include "test.h"

#define POOL (16ULL << 20)
#define B 4096ULL

static struct vdev *backing;      /* a faulty one */
static struct pool *p;
static struct vdev *d;

/* What was said since the last step, and what the model expects. */
static struct pool_event last;
static unsigned said;
static bool opened;
static unsigned reached;
static uint64_t crossed[POOL_FILL_THRESHOLDS];

static void
on_event (void *opaque, const struct pool_event *event)
{
  (void) opaque;
  if (event->kind == POOL_EVENT_OPENED)
    opened = true;
  if (event->kind == POOL_EVENT_FILLING
      || event->kind == POOL_EVENT_NOT_FILLING) {
    CHECK (opened);
    last = *event;
    said++;
  }
}

static struct pool_info
info (void)
{
  struct pool_info i;

  pool_get_info (p, &i);
  return i;
}

/* One step was done: is what was said what the model says? */
static void
step (void)
{
  const struct pool_info i = info ();
  const uint64_t used = (i.usable - i.available) / B, all = i.usable / B;
  const unsigned *t = pool_fill_thresholds, before = reached;
  unsigned k;

  while (reached < POOL_FILL_THRESHOLDS && used * 100 >= all * t[reached])
    crossed[reached++]++;
  if (reached == before)
    while (reached > 0 && used * 100 <= all * (t[reached - 1] - 2))
      reached--;

  CHECK_EQ_INT (i.percent, used * 100 / all);
  CHECK_EQ_INT (i.threshold, reached ? t[reached - 1] : 0);
  for (k = 0; k < POOL_FILL_THRESHOLDS; k++)
    CHECK_EQ_INT (i.crossed[k], crossed[k]);
  CHECK_EQ_INT (said, reached != before);
  if (reached > before) {
    CHECK_EQ_INT (last.kind, POOL_EVENT_FILLING);
    CHECK_EQ_INT (last.percent, t[reached - 1]);
  }
  else if (reached < before) {
    CHECK_EQ_INT (last.kind, POOL_EVENT_NOT_FILLING);
    CHECK_EQ_INT (last.percent, t[reached]);
  }
  said = 0;
}

static int
put (uint64_t block, uint64_t n)
{
  static uint8_t buf[2 << 20];

  memset (buf, (int) (block % 255) + 1, n * B);
  return vdev_write (d, buf, n * B, block * B, 0);
}

static void
trim (uint64_t block, uint64_t n)
{
  CHECK_EQ_INT (vdev_trim (d, n * B, block * B, 0), 0);
}

static void
open_pool (bool readonly)
{
  const struct pool_options o = { .event = on_event, .readonly = readonly };

  memset (crossed, 0, sizeof crossed);
  reached = 0;
  opened = false;
  CHECK_EQ_INT (pool_open (vdev_ref (backing), &o, &p), 0);
}

static void
connect (void)
{
  CHECK_EQ_INT (pool_volume_open (p, "v", false, NULL, &d), 0);
}

/* Block after block from AT on until TO percent; returns the next one. */
static uint64_t
fill (uint64_t at, unsigned to)
{
  for (; info ().percent < to; at++) {
    CHECK_EQ_INT (put (at, 1), 0);
    step ();
  }
  return at;
}

/* Down to where nothing more comes of it. */
static uint64_t
drain (uint64_t at, unsigned to)
{
  while (info ().percent > to) {
    trim (--at, 1);
    step ();
  }
  return at;
}

static uint64_t
up_and_down (void)
{
  uint64_t at, i;

  CHECK_EQ_INT (info ().percent, 0);
  CHECK_EQ_INT (info ().available, info ().usable);
  at = fill (0, 80);
  CHECK_EQ_INT (crossed[0], 1);
  CHECK_EQ_STR (last.volume, "");
  CHECK (strncmp (last.text, "80% full: ", 10) == 0);
  CHECK (strstr (last.text, "; remove volumes or snapshots, or grow"));

  /* To and fro above 78 percent: nothing more is said. */
  for (i = 0; i < 3; i++) {
    at = drain (at, 79);
    at = fill (at, 81);
  }
  CHECK_EQ_INT (crossed[0], 1);
  at = drain (at, 77);
  CHECK_EQ_INT (reached, 0);
  CHECK_EQ_STR (last.volume, "");
  CHECK (strncmp (last.text, "no longer 80% full: ", 20) == 0);
  at = fill (at, 80);
  CHECK_EQ_INT (crossed[0], 2);

  /* All the way, commits and checkpoints between. */
  at = fill (at, 91);
  CHECK_EQ_INT (vdev_flush (d), 0);
  step ();
  CHECK_EQ_INT (pool_checkpoint (p), 0);
  step ();
  at = fill (at, 99);
  CHECK_EQ_INT (reached, 4);
  while (put (at, 1) == 0) {
    at++;
    step ();
  }
  step ();
  CHECK_EQ_INT (info ().state, POOL_FULL);
  /* Overwriting takes nothing and says nothing. */
  for (i = 0; i < 100; i++) {
    CHECK_EQ_INT (put (i, 1), 0);
    step ();
  }
  at = drain (at, 94);
  CHECK_EQ_INT (crossed[2], 1);
  CHECK_EQ_INT (reached, 3);
  return at;
}

static void
several_at_once (uint64_t at)
{
  uint64_t i;

  drain (at, 60);
  CHECK_EQ_INT (pool_checkpoint (p), 0);
  step ();
  for (i = 0; info ().percent < 77; i += 8) {
    CHECK_EQ_INT (put (8000 + i, 8), 0);
    step ();
  }
  /* 2 MiB are 13 points of these 16. */
  CHECK_EQ_INT (put (10000, 512), 0);
  CHECK_EQ_INT (said, 1);
  CHECK_EQ_INT (last.percent, 90);
  step ();
  CHECK_EQ_INT (reached, 2);
  trim (10000, 512);
  CHECK_EQ_INT (said, 1);
  CHECK_EQ_INT (last.percent, 80);
  step ();
  CHECK_EQ_INT (reached, 0);
  /* A request that is refused whole is no step at all. */
  CHECK_EQ_INT (put (10000, 512), 0);
  step ();
  CHECK_EQ_INT (put (12000, 512), -ENOSPC);
  step ();
  CHECK_EQ_INT (reached, 2);
  /* And one that may take room but overwrites leaves the figure alone. */
  CHECK_EQ_INT (put (10000, 512), 0);
  step ();
  CHECK_EQ_INT (put (10000, 512), 0);
  step ();
  CHECK_EQ_INT (reached, 2);
  trim (10000, 512);
  step ();
}

static unsigned inside;

/* In the middle of a long request, another one. */
static void
overwrite_one (void *opaque)
{
  struct vdev *other = opaque;
  uint8_t buf[B];

  if (inside++ > 0)
    return;
  memset (buf, 5, sizeof buf);
  CHECK_EQ_INT (vdev_write (other, buf, B, 0, 0), 0);
  CHECK (info ().available < info ().usable / 100 * 20);
  CHECK (info ().percent < 80);
  CHECK_EQ_INT (said, 0);
}

/* A long overwrite sets aside what it would take if all of it were growth. */
static void
set_aside (void)
{
  const struct faulty_rule rule = { .op = FAULTY_WRITE,
    .action = FAULTY_HOOK, .nth = 1, .sticky = true, .hook = overwrite_one,
    .opaque = d };
  uint64_t i;

  CHECK_EQ_INT (put (10000, 512), 0);
  step ();
  for (i = 0; info ().percent > 72; i += 8) {
    trim (i, 8);
    step ();
  }
  /* Nothing to wait for: the first write below is one of data. */
  CHECK_EQ_INT (pool_checkpoint (p), 0);
  step ();
  CHECK_EQ_INT (faulty_add (backing, &rule), 0);
  CHECK_EQ_INT (put (10000, 512), 0);
  CHECK (inside > 1);
  faulty_clear (backing);
  step ();
  CHECK_EQ_INT (reached, 0);
}

/* Removing gives back when it has been reclaimed; a snapshot takes. */
static void
removed (void)
{
  CHECK_EQ_INT (pool_snapshot (p, (const char *[]) { "v@s" }, 1, 0), 0);
  step ();
  CHECK_EQ_INT (put (20000, 256), 0);
  step ();
  CHECK_EQ_INT (put (20256, 256), 0);
  step ();
  CHECK (reached >= 1);
  vdev_unref (d);
  CHECK_EQ_INT (pool_remove (p, "v", POOL_RECURSIVE), 0);
  CHECK_EQ_INT (pool_reclaim (p), 0);
  CHECK_EQ_INT (reached > 0, said > 0);
  while (reached > 0)
    reached--;                  /* step by step, or at once */
  CHECK_EQ_INT (last.kind, POOL_EVENT_NOT_FILLING);
  CHECK_EQ_INT (last.percent, 80);
  said = 0;
  step ();
  CHECK_EQ_INT (info ().percent, 0);
}

static void
reopened (void)
{
  uint64_t at;

  CHECK_EQ_INT (pool_create (p, "v", 64 << 20, 0), 0);
  connect ();
  at = fill (0, 96);
  vdev_unref (d);
  CHECK_EQ_INT (pool_close (p), 0);
  CHECK_EQ_INT (said, 0);

  open_pool (false);
  CHECK_EQ_INT (said, 1);
  CHECK_EQ_INT (last.percent, 95);
  step ();
  CHECK_EQ_INT (crossed[0] + crossed[1] + crossed[2], 3);
  connect ();
  at = fill (at, 99);

  /* Growth makes it less full, and that is said. */
  CHECK_EQ_INT (pool_grow (p, 2 * POOL), 0);
  CHECK_EQ_INT (said, 1);
  step ();
  CHECK_EQ_INT (reached, 0);
  CHECK_EQ_INT (last.percent, 80);
  at = fill (at, 80);
  CHECK_EQ_INT (crossed[0], 2);
  vdev_unref (d);
  CHECK_EQ_INT (pool_close (p), 0);

  /* What recovery finds is said once, when the pool is open. */
  open_pool (false);
  CHECK_EQ_INT (said, 1);
  step ();
  connect ();
  at = fill (at, 91);
  CHECK_EQ_INT (vdev_flush (d), 0);
  vdev_unref (d);
  pool_abandon (p);
  open_pool (false);
  CHECK_EQ_INT (said, 1);
  CHECK_EQ_INT (last.percent, 90);
  CHECK_EQ_INT (info ().syncs, 0);
  CHECK_EQ_INT (info ().checkpoints, 0);
  step ();
  CHECK_EQ_INT (pool_close (p), 0);

  /* Who only reads is told by info. */
  open_pool (true);
  CHECK_EQ_INT (said, 0);
  CHECK_EQ_INT (info ().threshold, 90);
  CHECK_EQ_INT (pool_close (p), 0);
}

/* In a pool where it can be met exactly, a threshold is reached by being met,
 * and left by being two points away.
 */
static void
met (void)
{
  struct pool_format_options format = { .slab_size = 64 << 10 };
  uint64_t all, at, used = 0;
  struct vdev *mem;

  for (format.capacity = 1 << 20;; format.capacity += 64 << 10) {
    CHECK_EQ_INT (devices_mem_open (format.capacity, &mem), 0);
    CHECK_EQ_INT (faulty_open (mem, &backing), 0);
    CHECK_EQ_INT (pool_format (backing, &format), 0);
    open_pool (false);
    all = info ().usable / B;
    if (all % 50 == 0)
      break;
    CHECK_EQ_INT (pool_close (p), 0);
    vdev_unref (backing);
    CHECK (format.capacity < 64 << 20);
  }
  printf ("usable blocks: %" PRIu64 "\n", all);
  CHECK_EQ_INT (pool_create (p, "v", all * B, 0), 0);
  connect ();
  for (at = 0; used < all / 10 * 8 - 1; at++) {
    CHECK_EQ_INT (put (at, 1), 0);
    step ();
    used = (info ().usable - info ().available) / B;
  }
  CHECK_EQ_INT (reached, 0);
  CHECK_EQ_INT (put (at, 1), 0);
  CHECK_EQ_INT ((info ().usable - info ().available) / B, all / 10 * 8);
  step ();
  CHECK_EQ_INT (reached, 1);
  for (; used > all / 50 * 39 + 1; at--) {
    trim (at, 1);
    step ();
    used = (info ().usable - info ().available) / B;
  }
  CHECK_EQ_INT (reached, 1);
  trim (at, 1);
  CHECK_EQ_INT ((info ().usable - info ().available) / B, all / 50 * 39);
  step ();
  CHECK_EQ_INT (reached, 0);
  vdev_unref (d);
  CHECK_EQ_INT (pool_close (p), 0);
  vdev_unref (backing);
}

TEST_MAIN
{
  struct vdev *mem;
  uint64_t at;

  CHECK_EQ_INT (devices_mem_open (POOL, &mem), 0);
  CHECK_EQ_INT (faulty_open (mem, &backing), 0);
  CHECK_EQ_INT (pool_format (backing, &(struct pool_format_options) { 0 }), 0);
  open_pool (false);
  CHECK_EQ_INT (pool_create (p, "v", 128 << 20, 0), 0);
  connect ();
  at = up_and_down ();
  several_at_once (at);
  set_aside ();
  removed ();
  reopened ();
  vdev_unref (backing);
  met ();
}
