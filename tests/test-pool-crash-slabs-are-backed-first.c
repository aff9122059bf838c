/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The order in which slabs come and go.  A slab is written to only after it
 * was really backed (a zero with ALLOCATE) and that was flushed: or a crash
 * could leave data acknowledged in space that the host has given to somebody
 * else.  A slab is punched only when it holds nothing that the superblock
 * last made durable names, and not the places of superblocks.
 *
 * Random operations on pools with small slabs; then the log of the disk is
 * gone through.
 */

#include <config.h>

#include "crash-world.h"
#include "devices-test.h"
#include "format.h"
#include "test.h"

#define B ORACLE_PAGE
#define MOST 512                /* blocks */

struct walk {
  bool backed[MOST];            /* backed, and flushed */
  uint64_t allocated_at[MOST];  /* ALLOCATE completed; 0 = no */
  uint64_t writes, allocates, punches, at_format;
};

/* Blocks that format wrote, or that stand in a slab with such: backed. */
static void
one_op (struct walk *x, const struct recorder_op *op)
{
  uint64_t i, first = op->off / B, end = (op->off + op->len + B - 1) / B;

  switch (op->kind) {
  case RECORDER_WRITE:
    for (i = first; i < end && op->issued_at > x->at_format; i++) {
      CHECK_MSG (x->backed[i], "event %" PRIu64 ": block %" PRIu64
                 " is written before its slab was backed and flushed",
                 op->issued_at, i);
      x->writes++;
    }
    break;
  case RECORDER_ZERO:
    if (!(op->flags & VDEV_ALLOCATE))
      break;
    x->allocates++;
    for (i = first; i < end && i < MOST; i++) {
      x->allocated_at[i] = op->completed_at;
      if (op->issued_at <= x->at_format)
        x->backed[i] = true;
    }
    break;
  case RECORDER_TRIM:
    x->punches++;
    for (i = first; i < end; i++) {
      x->backed[i] = false;
      x->allocated_at[i] = 0;
    }
    break;
  case RECORDER_FLUSH:
    for (i = 0; i < MOST && op->error == 0; i++)
      if (x->allocated_at[i] != 0 && x->allocated_at[i] < op->issued_at)
        x->backed[i] = true;
    break;
  default:
    break;
  }
}

static void
one (uint64_t seed, struct walk *total)
{
  static const struct crash_mix *const mixes[] = {
    &crash_mix_plain, &crash_mix_full, &crash_mix_verbs };
  const uint64_t blocks = 128 + 64 * (seed % 5);
  struct pool_format_options o = { .slab_size = 8 * B };
  struct image *image = image_new (blocks * B);
  struct walk x = { .writes = 0 };
  struct recorder_log log;
  struct crash_world w;
  struct crash_actor a;
  struct crash_op op;
  struct base_rng rng;
  unsigned i;

  crash_determine (seed);
  base_rng_seed (&rng, seed);
  crash_world_init (&w, &crash_pool_engine, image, true);
  w.cache_size = 1 << 20;
  crash_actor_init (&a, &w, 0);
  CHECK_MSG (crash_world_format (&w, &o), "%s", w.failure);
  x.at_format = crash_world_position (&w);
  for (i = 0; i < 400; i++) {
    crash_op_random (&a, mixes[seed % 3], &rng, &op);
    CHECK_MSG (crash_do (&a, &op), "%s", w.failure);
  }
  log = recorder_log (w.log);
  for (i = 0; i < log.n; i++)
    one_op (&x, &log.ops[i]);
  total->writes += x.writes;
  total->allocates += x.allocates;
  total->punches += x.punches;
  crash_actor_fini (&a);
  crash_world_fini (&w);
  image_free (image);
}

TEST_MAIN
{
  uint64_t seed = test_seed (), n = test_env ("SEEDS", 60), i;
  struct walk total = { .writes = 0 };

  for (i = 0; i < n; i++)
    one (seed + i, &total);
  printf ("%" PRIu64 " blocks written, %" PRIu64 " times backed, %" PRIu64
          " punches\n", total.writes, total.allocates, total.punches);
  CHECK (total.allocates > n && total.punches > 0);
}
