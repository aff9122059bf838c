/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a commit frees is not used again before its superblock and twin are
 * durable.  On a full pool a commit stands in its first or its second flush
 * while somebody goes on writing as far as there is space; then the power
 * fails.  Everything that was written has landed, except the new superblock,
 * or all but one or none of its copies: the pool must be whole, as at the
 * commit before or at this one, and every block of it right.
 */

#include <config.h>

#include "crash-states.h"
#include "format.h"
#include "gate.h"
#include "pool.h"
#include "sim.h"
#include "test.h"

#define B 4096U
#define BLOCKS 64
#define VOLUME 16

static struct gate gate;
static struct pool *p;
static struct vdev *log_;
static uint64_t states, later;
static uint64_t new_blocks;     /* written over so far ... */
static uint64_t at_cut[2];      /* ... and at the last cut but one, the last */

struct client {
  struct base_thread t;
  void (*fn) (struct client *c);
  uint64_t n;
  bool done;
};

static void
put (uint64_t block, uint8_t byte)
{
  uint8_t buf[B];
  struct vdev *d;

  memset (buf, byte, B);
  CHECK (pool_volume_open (p, "v", false, NULL, &d) == 0);
  CHECK_EQ_INT (vdev_write (d, buf, B, block * B, 0), 0);
  vdev_unref (d);
}

static void
do_flush (struct client *c)
{
  (void) c;
  CHECK_EQ_INT (pool_flush (p), 0);
}

/* First what the commit has just written, too.  Waits for space at last. */
static void
do_writes (struct client *c)
{
  for (; c->n < VOLUME; c->n++)
    put (c->n, (uint8_t) (0xc0 + c->n));
}

static void *
client (void *arg)
{
  struct client *c = arg;

  c->fn (c);
  c->done = true;
  return NULL;
}

static void
start (struct client *c, void (*fn) (struct client *c))
{
  memset (c, 0, sizeof *c);
  c->fn = fn;
  CHECK (base_thread_create (&c->t, client, c) == 0);
}

/* ---- the crash ---------------------------------------------------------- */

/* 0 or 1 for the slot or twin that OP writes, else -1. */
static int
copy_of (const struct recorder_op *op)
{
  if (op->kind != RECORDER_WRITE)
    return -1;
  if (op->off == FORMAT_SLOT_A || op->off == FORMAT_SLOT_B)
    return 0;
  return op->off / B >= BLOCKS - 2 ? 1 : -1;
}

/* V is as at the commit that stands, or, if not AFTER, at the one before. */
static void
look (const struct image *state, bool after)
{
  struct image *copy = image_overlay (state);
  struct pool_check_options o = { .data = true };
  struct pool_check_result r;
  uint8_t buf[B], want[B];
  struct vdev *d;
  struct pool *q;
  uint64_t i, n = 0;

  CHECK (pool_open (image_vdev (copy), NULL, &q) == 0);
  CHECK (pool_check (q, &o, &r) == 0);
  CHECK_MSG (r.errors == 0 && r.leaks == 0, "the check finds %" PRIu64
             " errors after the crash", r.errors);
  CHECK (pool_volume_open (q, "v", true, NULL, &d) == 0);
  for (i = 0; i < VOLUME; i++) {
    CHECK_EQ_INT (vdev_read (d, buf, B, i * B), 0);
    n += n == i && buf[0] == 0xb0;
    memset (want, i < n ? 0xb0 : 0xa0, B);
    CHECK_EQ_MEM (buf, want, B);
  }
  CHECK (n == at_cut[0] || (after && n == at_cut[1]));
  later += n == at_cut[1];
  states++;
  vdev_unref (d);
  CHECK (pool_close (q) == 0);
  image_free (copy);
}

static void
crash (const struct image *blank)
{
  struct recorder_log log = recorder_log (log_);
  struct crash_choice c = { 0 };
  struct crash_states cs;
  struct image *state;
  unsigned copies;
  size_t i;

  crash_states_init (&cs, &log, blank);
  for (copies = 0; copies < 4; copies++) {
    crash_states_pending (&cs, log.now, &c);
    for (i = 0; i < c.n; i++) {
      const int copy = copy_of (&log.ops[c.s[i].op]);

      c.s[i].landed = copy < 0 || copies >> copy & 1 ? LANDED_WHOLE
        : LANDED_NOT;
    }
    state = crash_states_build (&cs, &c);
    look (state, copies > 0);
    image_free (state);
  }
  crash_choice_reset (&c);
  crash_states_fini (&cs);
}

/* ---- before it ---------------------------------------------------------- */

static void
fill (uint64_t skip)
{
  uint8_t buf[B];
  struct vdev *d;
  uint64_t i, n = 0;
  int r = 0;

  CHECK (pool_create (p, "v", VOLUME * B, 0) == 0);
  CHECK (pool_create (p, "w", 1024 * B, 0) == 0);
  CHECK (pool_volume_open (p, "w", false, NULL, &d) == 0);
  memset (buf, 0x77, B);
  for (i = 0; i < VOLUME; i++) {
    put (i, 0xa0);
    if (i % 3 == 0)
      CHECK_EQ_INT (vdev_write (d, buf, B, n++ * B, 0), 0);
  }
  for (; r == 0; n++)
    r = vdev_write (d, buf, B, n * B, 0);
  CHECK_EQ_INT (r, -ENOSPC);
  /* Here and there a block is free. */
  for (i = 0; i < n; i += skip)
    CHECK_EQ_INT (vdev_trim (d, B, i * B, 0), 0);
  vdev_unref (d);
  CHECK (pool_flush (p) == 0);
}

static void
cut (void *opaque, uint64_t generation)
{
  (void) opaque;
  (void) generation;
  at_cut[0] = at_cut[1];
  at_cut[1] = new_blocks;
}

/* N blocks are new when the commit stands in flush number NTH. */
static void
one (uint64_t seed, uint64_t n, unsigned nth)
{
  struct sim_options so = { .seed = seed, .stay = 100 };
  struct image *image = image_new (BLOCKS * B), *blank = image_new (BLOCKS * B);
  struct pool_options o = { .watch = { .cut = cut } };
  struct client flusher, writer;
  unsigned i;

  CHECK (recorder_open (image_vdev (image), &log_) == 0);
  CHECK (pool_format (log_, &(struct pool_format_options) { 0 }) == 0);
  CHECK (pool_open (gate_open (vdev_ref (log_), &gate), &o, &p) == 0);
  fill (2 + seed % 5);
  new_blocks = at_cut[0] = at_cut[1] = 0;
  CHECK (pool_flush (p) == 0);
  for (i = 0; i < n; i++) {
    put (i, 0xb0);
    new_blocks++;
  }

  sim_start (&so);
  gate_close (&gate, GATE_FLUSH, nth);
  start (&flusher, do_flush);
  gate_wait (&gate);
  start (&writer, do_writes);
  for (i = 0; i < 5000 && !writer.done; i++)
    sim_point ();
  CHECK (!gate.late && !flusher.done);
  sim_hold (true);
  crash (blank);
  sim_hold (false);
  gate_let_go (&gate);
  base_thread_join (&flusher.t);
  base_thread_join (&writer.t);
  sim_stop (NULL);

  CHECK (pool_close (p) == 0);
  vdev_unref (log_);
  gate_free (&gate);
  image_free (image);
  image_free (blank);
}

TEST_MAIN
{
  const uint64_t seed = test_seed (), rounds = test_env ("SEEDS", 8);
  uint64_t i, n;

  for (i = 0; i < rounds; i++)
    for (n = 1; n < 8; n++) {
      one (seed + i, n, 1);
      one (seed + i, n, 2);
    }
  printf ("%" PRIu64 " states, %" PRIu64 " of them of the new commit\n",
          states, later);
  CHECK (later > 0 && later < states);
}
