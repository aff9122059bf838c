/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A crash does not make a pool trust in slabs that are not there.  A slab is
 * punched only when the commit that says so is durable: so whatever a crash
 * leaves, what the opened pool takes for backed is really allocated below,
 * and it writes to no other place before it has allocated that.
 *
 * Random operations on pools with small slabs; then a crash behind every
 * punch and at other moments, with all of what was in flight landed, and in
 * each of these states the pool goes on while each of its writes is looked
 * at.
 */

#include <config.h>

#include "crash-try.h"
#include "devices-test.h"
#include "test.h"

#define B ORACLE_PAGE
#define MOST 512                /* blocks */
#define STEPS 250
#define GO_ON 60

static uint64_t states, punched, writes;

/* What is allocated below behind event POINT, if everything landed. */
static void
backed_at (const struct recorder_log *log, uint64_t point, bool *backed)
{
  const struct recorder_op *op;
  uint64_t i, j;

  memset (backed, 0, MOST);
  for (i = 0; i < log->n && log->ops[i].issued_at <= point; i++) {
    op = &log->ops[i];
    if (op->kind == RECORDER_TRIM
        || (op->kind == RECORDER_ZERO && (op->flags & VDEV_ALLOCATE)))
      for (j = op->off / B; j < (op->off + op->len) / B; j++)
        backed[j] = op->kind == RECORDER_ZERO;
  }
}

/* The log of a pool that was opened on a state with these blocks BACKED. */
static void
check_log (const struct recorder_log *log, bool *backed, uint64_t seed,
           uint64_t point)
{
  const struct recorder_op *op;
  uint64_t i, j;

  for (i = 0; i < log->n; i++) {
    op = &log->ops[i];
    for (j = op->off / B; j < (op->off + op->len + B - 1) / B; j++)
      if (op->kind == RECORDER_WRITE) {
        CHECK_MSG (backed[j], "SEED=%" PRIu64 ", crash behind %" PRIu64
                   ": then block %" PRIu64 " is written, which is not backed",
                   seed, point, j);
        writes++;
      }
      else if (op->kind == RECORDER_TRIM)
        backed[j] = false;
      else if (op->kind == RECORDER_ZERO && (op->flags & VDEV_ALLOCATE))
        backed[j] = true;
  }
}

static void
crash (struct bench *b, uint64_t seed, uint64_t point)
{
  struct recorder_log log = recorder_log (b->w.log);
  struct image *state = bench_cut (b, point, UINT64_MAX);
  struct crash_world w;
  struct crash_actor a;
  struct crash_op op;
  struct base_rng rng;
  size_t first, end;
  bool backed[MOST];
  unsigned i;

  backed_at (&log, point, backed);
  oracle_candidates (&b->w.timeline, point, &first, &end);
  crash_world_init (&w, b->w.e, state, true);
  w.cache_size = b->w.cache_size;
  crash_actor_init (&a, &w, 0);
  base_rng_seed (&rng, point);
  CHECK_MSG (crash_world_open (&w, &b->w.timeline, first, end), "%s",
             w.failure);
  for (i = 0; i < GO_ON; i++) {
    crash_op_random (&a, &crash_mix_full, &rng, &op);
    if (op.kind != CRASH_GROW)
      CHECK_MSG (crash_do (&a, &op), "%s", w.failure);
  }
  log = recorder_log (w.log);
  check_log (&log, backed, seed, point);
  states++;
  crash_actor_fini (&a);
  crash_world_fini (&w);
  image_free (state);
}

static void
one (uint64_t seed)
{
  const uint64_t blocks = 128 + 64 * (seed % 5);
  struct pool_format_options o = { .slab_size = 8 * B };
  struct recorder_log log;
  struct crash_op op;
  struct base_rng rng;
  struct bench b = { .blank = image_new (blocks * B),
                     .image = image_new (blocks * B) };
  uint64_t i, at_format;

  crash_determine (seed);
  base_rng_seed (&rng, seed);
  crash_world_init (&b.w, &crash_pool_engine, b.image, true);
  b.w.cache_size = 1 << 20;
  crash_actor_init (&b.a, &b.w, 0);
  CHECK_MSG (crash_world_format (&b.w, &o), "%s", b.w.failure);
  at_format = crash_world_position (&b.w);
  for (i = 0; i < STEPS; i++) {
    crash_op_random (&b.a, seed % 2 ? &crash_mix_plain : &crash_mix_verbs,
                     &rng, &op);
    if (op.kind != CRASH_GROW)
      CHECK_MSG (crash_do (&b.a, &op), "%s", b.w.failure);
  }
  log = recorder_log (b.w.log);
  for (i = 0; i < log.n; i++)
    if (log.ops[i].issued_at > at_format
        && (log.ops[i].kind == RECORDER_TRIM
            || base_rng_below (&rng, 100) == 0)) {
      punched += log.ops[i].kind == RECORDER_TRIM;
      crash (&b, seed, log.ops[i].completed_at);
    }
  bench_fini (&b);
}

TEST_MAIN
{
  const uint64_t seed = test_seed (), n = test_env ("SEEDS", 20);
  uint64_t i;

  for (i = 0; i < n; i++)
    one (seed + i);
  printf ("%" PRIu64 " states, %" PRIu64 " of them behind a punch, %" PRIu64
          " blocks written\n", states, punched, writes);
  CHECK (punched > 0 && writes > states);
}
